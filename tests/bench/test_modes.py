"""How the modes find what they run and look at."""

import os
import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from syncd.bench.choosing import check, check_beside
from syncd.bench.look import Endpoint
from syncd.bench.modes import local_command
from syncd.bench.usage import used
from syncd.errors import ConfigError


@pytest.mark.parametrize(
    ("container", "here"),
    [
        (
            "uvicorn main:app --host 0.0.0.0 --port 8080 --reload --reload-delay 0.05",
            "main:app --reload --reload-delay 0.05",
        ),
        (
            "/opt/venv/bin/python3 /opt/venv/bin/uvicorn main:app --port=80",
            "main:app --reload",
        ),
        ("python -m uvicorn --uds /run/app.sock main:app", "main:app --reload"),
        (
            "python -m syncd.reloader uvicorn main:app --reload",
            "main:app --reload",
        ),
    ],
)
def test_uvicorn_runs_here_as_in_the_container_but_for_its_address(
    container: str, here: str
) -> None:
    command = local_command(container.split())

    assert command is not None
    _python, *rest = command
    assert " ".join(rest) == f"-m uvicorn {here} --host 127.0.0.1 --port {{port}}"


@pytest.mark.parametrize("container", ["", "gunicorn main:app", "sleep inf"])
def test_another_server_is_not_guessed_at(container: str) -> None:
    assert local_command(container.split()) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://web", "http://web:80/"),
        ("http://10.0.0.1:8080/x?y=1", "http://10.0.0.1:8080/x?y=1"),
        ("https://web/", "https://web:443/"),
        ("http://[fd00::5]:8080/", "http://[fd00::5]:8080/"),
    ],
)
def test_an_endpoint_is_where_the_url_says(url: str, said: str) -> None:
    assert str(Endpoint.parse(url)) == said


@pytest.mark.parametrize(
    "url",
    [
        *("", "web:80", "ftp://web/", "http://", "http://web:99999/"),
        *("http://web:abc/", "http://[::1", "http://web:0/"),
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is not a URL"):
        Endpoint.parse(url)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("rsync", "'rsync' is not a mode"),
        ("foo=", "'foo=' is not a mode"),
        ("foo= ", "'foo= ' is not a mode"),
        ("syncd=true", "a command cannot be called 'syncd'"),
        ("../out=true", "a command cannot be called '../out'"),
        ("..=true", "a command cannot be called '..'"),
        ("=true", "a command cannot be called ''"),
        ("my tool=true", "a command cannot be called 'my tool'"),
    ],
)
def test_what_is_no_mode_is_refused(said: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        check(said)


WARM = ("python3", "/opt/reloader.py", "--stay", "--", "uvicorn", "main:app")


@pytest.mark.parametrize(
    ("modes", "refused"),
    [
        (("syncd", "local", "rebuild"), ""),
        (("exec-tar", "local"), ""),
        (("syncd", "exec-tar", "own=true"), "edits by exec-tar, own are never served"),
    ],
)
@pytest.mark.parametrize("serves", [WARM, ("python", "-m", "syncd.reloader", "x:y")])
def test_what_a_driven_reloader_would_not_see_is_refused(
    serves: tuple[str, ...], modes: tuple[str, ...], refused: str
) -> None:
    with pytest.raises(ConfigError, match=refused) if refused else nullcontext():
        check_beside(modes, serves)


def test_a_program_that_reloads_itself_may_be_edited_by_all() -> None:
    check_beside(("syncd", "exec-tar"), ("uvicorn", "main:app", "--reload"))


async def test_where_nobody_listens_there_is_no_answer() -> None:
    assert await Endpoint.parse("http://127.0.0.1:1/").answer() == b""


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="not Linux")
def test_what_a_process_has_used_is_known() -> None:
    found = used(os.getpid())

    assert found is not None
    assert found.cpu_s > 0
    assert found.peak_rss > 1 << 20


def test_of_a_process_that_is_gone_nothing_is_known(tmp_path: Path) -> None:
    assert used(1, tmp_path) is None
