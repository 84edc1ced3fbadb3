"""The parts of the agent that are values."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from syncd.agent.burst import is_compiled
from syncd.agent.folders import is_temporary
from syncd.agent.hooks import is_inside, is_launcher
from syncd.agent.link import Refused, trouble
from syncd.agent.scratch import Clock, Spool, Temporaries
from syncd.agent.stream import records


def status(path: Path, modified_ns: int) -> os.stat_result:
    os.utime(path, ns=(modified_ns, modified_ns))
    return path.stat()


def test_stamps_at_one_path_only_grow_when_the_clock_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    times = iter([500, 400, 300])
    monkeypatch.setattr(time, "time_ns", lambda: next(times) * 10**9)

    stamps = [clock.stamp("a", 1, None) for _ in range(3)]

    assert stamps == sorted(set(stamps))


def test_a_stamp_ahead_of_the_clock_does_not_push_other_paths(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "a").touch()
    future = time.time_ns() + 10**15

    first = clock.stamp("a", 0, status(tmp_path / "a", future))
    other = clock.stamp("b", 0, None)

    assert first == future + 1
    assert other <= time.time_ns()
    assert clock.stamp("a", 0, None) == future + 2


@pytest.mark.parametrize(
    ("path", "size", "seconds"),
    [
        pytest.param("a.py", 3, 1, id="module of the same size"),
        pytest.param("a.py", 4, 0, id="module of another size"),
        pytest.param("a.txt", 3, 0, id="no module"),
    ],
)
def test_whole_seconds_differ_where_byte_code_could_be_mistaken(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    size: int,
    seconds: int,
) -> None:
    (tmp_path / "old").write_text("abc")
    now = 5_000_000_000_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now + 500)

    stamp = Clock().stamp(path, size, status(tmp_path / "old", now))

    assert stamp // 10**9 - now // 10**9 == seconds


def test_names_of_temporaries_are_all_different_and_known_as_such() -> None:
    temporaries = Temporaries()

    names = {temporaries.name() for _ in range(100)}

    assert len(names) == 100
    assert all(map(is_temporary, names))


def test_a_name_that_is_taken_is_passed_over() -> None:
    taken: list[str] = []

    def make(name: str) -> None:
        if len(taken) < 3:
            taken.append(name)
            raise FileExistsError

    name = Temporaries().make(make)

    assert name not in taken


def test_a_spool_that_could_not_write_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    spool = Spool(Temporaries())
    spool.write(b"first")
    os.lseek(spool.fd, 3, os.SEEK_CUR)  # as a write leaves it that fails half-way

    spool.write(b"second")

    assert os.pread(spool.fd, 100, 0) == b"firstsecond"
    assert list(tmp_path.iterdir()) == []
    os.close(spool.fd)


@pytest.mark.parametrize(
    ("name", "stems", "meant"),
    [
        ("a.cpython-312.pyc", {"a"}, True),
        ("a.cpython-312.opt-1.pyc", {"a"}, True),
        ("a.pyc", {"a"}, True),
        ("a.b.cpython-312.pyc", {"a.b"}, True),
        ("ab.cpython-312.pyc", {"a"}, False),
        ("a.cpython-312.pyc", {"ab"}, False),
        ("a.txt", {"a"}, False),
        ("a", {"a"}, False),
    ],
)
def test_byte_code_is_known_by_its_name(
    name: str, stems: set[str], *, meant: bool
) -> None:
    assert is_compiled(name, stems) is meant


@pytest.mark.parametrize(
    ("line", "launches"),
    [
        ("sh -c uvicorn app:app", True),
        ("/bin/bash -c exec gunicorn", True),
        ("bash", False),
        ("python -c print()", False),
        ("sh start.sh", False),
        ("", False),
    ],
)
def test_a_shell_that_runs_another_is_known(line: str, *, launches: bool) -> None:
    assert is_launcher(line) is launches


@pytest.mark.parametrize(
    ("theirs", "ours", "meant"),
    [
        ("0::/", "0::/", True),
        ("0::/sub", "0::/", True),
        ("0::/../cri-1.scope", "0::/", False),
        ("2:pids:/pod/one", "2:pids:/pod/one", True),
        ("2:pids:/pod/one/sub", "2:pids:/pod/one", True),
        ("2:pids:/pod/oneself", "2:pids:/pod/one", False),
        ("2:pids:/pod/two", "2:pids:/pod/one", False),
    ],
)
def test_processes_of_other_containers_are_told_by_their_control_groups(
    theirs: str, ours: str, *, meant: bool
) -> None:
    assert is_inside(theirs, ours) is meant


@given(st.dictionaries(st.from_regex(r"\A[a-z.]{1,9}\Z"), st.binary(max_size=200)))
def test_records_of_a_header_are_read_whatever_they_hold(
    wanted: dict[str, bytes],
) -> None:
    raw = b""
    for key, value in wanted.items():
        body = b" " + key.encode() + b"=" + value + b"\n"
        size = next(n for n in range(999) if n == len(body) + len(str(n)))
        raw += str(size).encode() + body

    found = records(raw)

    assert {k: v.encode("utf-8", "surrogateescape") for k, v in found.items()} == wanted


@pytest.mark.parametrize(
    ("exc", "code", "error"),
    [
        (OSError(28, "No space left"), "disk-full", "No space left"),
        (OSError(122, "Quota exceeded"), "disk-full", "Quota exceeded"),
        (OSError(9, "Bad descriptor"), "failed", "Bad descriptor"),
        (OSError("odd"), "failed", "odd"),
        (Refused("busy", "it is"), "busy", "it is"),
    ],
)
def test_a_failure_is_told_in_a_word_and_in_words(
    exc: Exception, code: str, error: str
) -> None:
    assert trouble("a", exc) == {"path": "a", "code": code, "error": error}
