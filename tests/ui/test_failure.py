import json
from pathlib import Path

import pytest

from syncd.errors import ConfigError, SyncdError, TargetError, TransportError
from syncd.state import state_folder
from syncd.ui.failure import report


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "syncd"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_foreseen_failure_is_a_message_and_a_hint(
    capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    code = report(TargetError("no Pod matches", hint="look at the labels"))

    out, err = capsys.readouterr()
    assert err == "error: no Pod matches\nhint: look at the labels\n"
    assert out == ""
    assert code == 4
    assert not state.exists()


def test_without_a_hint_there_is_no_hint_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(TransportError("cut"))

    assert capsys.readouterr().err == "error: cut\n"


def test_a_message_of_several_lines_stays_so_and_is_printable(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(ConfigError("two places\n  a\x1b[31m\n  b"))

    assert capsys.readouterr().err == "error: two places\n  a\\x1b[31m\n  b\n"


def test_in_json_it_is_the_last_event(capsys: pytest.CaptureFixture[str]) -> None:
    report(TargetError("no Pod", hint="look"), form="json")

    out, err = capsys.readouterr()
    event = json.loads(out)
    assert (event["event"], event["level"]) == ("error", "error")
    assert (event["message"], event["hint"]) == ("no Pod", "look")
    assert err == ""


def test_a_traceback_is_shown_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(raised(SyncdError("known")), debug=True)

    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("error: known\n")


def test_the_traceback_of_an_unforeseen_failure_is_kept(
    capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    code = report(raised(KeyError("surprise")))

    (log,) = state.iterdir()
    assert capsys.readouterr().err == (
        "error: syncd failed in a way that it should not: KeyError: 'surprise'\n"
        f"hint: the traceback is in {log}; please report it\n"
    )
    assert "Traceback" in log.read_text()
    assert code == 1


def test_it_is_kept_elsewhere_where_the_state_folder_cannot_be_made(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    elsewhere = tmp_path / "tmp"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))

    report(raised(KeyError("surprise")))

    (log,) = elsewhere.iterdir()
    assert str(log) in capsys.readouterr().err


def test_where_it_can_be_kept_nowhere_the_hint_says_how_to_see_it(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))

    report(raised(ValueError()))

    assert capsys.readouterr().err == (
        "error: syncd failed in a way that it should not: ValueError\n"
        "hint: set SYNCD_DEBUG=1 to see the traceback; please report it\n"
    )


def test_the_state_folder_is_where_the_system_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")

    assert state_folder() == Path("/home/me/.local/state/syncd")


def test_a_state_folder_below_the_working_folder_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", "/home/me")
    assert state_folder() == Path("/home/me/.local/state/syncd")

    monkeypatch.setenv("HOME", "me")
    with pytest.raises(ConfigError, match="no home folder") as caught:
        state_folder()
    assert "XDG_STATE_HOME" in caught.value.hint


def test_without_a_state_folder_a_traceback_is_kept_elsewhere(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "me")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    report(raised(KeyError("surprise")))

    (log,) = tmp_path.glob("*.log")
    assert str(log) in capsys.readouterr().err
