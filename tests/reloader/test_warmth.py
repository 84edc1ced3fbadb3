"""What is loaded once for all generations, and what is not."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from syncd.reloader.ends import LONGEST_PAUSE_S, Retry
from tests.reloader.running import SCRIPT, Running, plain, start


# Each module of the fake third-party code, and why it has to be left cold.
LIBRARIES = {
    "calm": ("import os\n", None),
    "starts_a_thread": (
        "from threading import Event, Thread\nThread(target=Event().wait, daemon=True).start()\n",
        "leaves behind a thread",
    ),
    "opens_a_socket": (
        "import socket\nsock = socket.socket()\n",
        "leaves behind a socket",
    ),
    "makes_a_loop": (
        "import asyncio\nloop = asyncio.new_event_loop()\n",
        "leaves behind a socket, an open file",
    ),
    "handles_a_signal": (
        "import signal\nsignal.signal(signal.SIGUSR2, print)\n",
        "leaves behind a signal handler",
    ),
    "reads_the_environment": (
        "import os\nLEVEL = os.environ.get('APP_LEVEL')\n",
        "reads $APP_LEVEL, which the program sets",
    ),
    "needs_the_program": (
        "import sys\nassert 'settings' in sys.modules, 'configure first'\n",
        "cannot be loaded without the program: AssertionError: configure first",
    ),
    "uses_the_program": ("import settings\n", "imports settings, the developer's code"),
    "uses_a_thread": ("import starts_a_thread\n", "imports starts_a_thread"),
    "is_told_to": ("", "--cold"),
}

IMPORTS = "\n".join(f"import {name}" for name in LIBRARIES)
PROGRAM = f"""
import os, settings
os.environ["APP_LEVEL"] = "debug"
{IMPORTS}
ANSWER = f"{{reads_the_environment.LEVEL}} FRESH"
"""


def install(folder: Path, libraries: dict[str, str]) -> None:
    """Put modules where installers put them."""
    folder.mkdir(exist_ok=True)
    (folder / "libraries-1.dist-info").mkdir(exist_ok=True)
    for name, text in libraries.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def launch(reloader: Path, folder: Path, *options: str) -> Running:
    paths = f"{folder.parent / 'deps'}{os.pathsep}{folder.parent / 'shared'}"
    return start(
        reloader, folder, SCRIPT, options=options, environ={"PYTHONPATH": paths}
    )


def test_what_no_generation_may_inherit_is_left_cold_with_the_reason(
    reloader: Path, folder: Path
) -> None:
    install(
        folder.parent / "deps", {name: text for name, (text, _) in LIBRARIES.items()}
    )
    (folder.parent / "shared").mkdir()
    (folder.parent / "shared" / "settings.py").write_text("")
    (folder / "main.py").write_text(plain(PROGRAM.replace("FRESH", "1")))
    with launch(reloader, folder, "--cold", "is_told_to") as running:
        running.serves().warm()

        facts = running.line.ask("explain")
        answer = running.edit("main.py", plain(PROGRAM.replace("FRESH", "2")))

        reasons = {name: why for name, (_, why) in LIBRARIES.items() if why}
        assert facts["cold"] == reasons
        assert {"calm", "http.server"} <= set(facts["warm"])
        assert "settings" not in facts["warm"]
        assert answer["op"] == "serving"
        assert running.get() == "debug 2"


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        pytest.param(
            "threading.Event().wait()", "is not loaded within 1 s", id="hangs"
        ),
        pytest.param("os._exit(9)", "ends the process that loads it", id="crashes"),
    ],
)
def test_a_module_at_which_loading_ahead_is_lost_is_left_cold_and_the_rest_is_not(
    reloader: Path, folder: Path, what: str, reason: str
) -> None:
    lost = f"import os, sys, threading\nif 'settings' not in sys.modules: {what}\n"
    install(
        folder.parent / "deps",
        {"lost": lost, "outer": "import calm, lost\n", "calm": "", "late": ""},
    )
    (folder / "settings.py").touch()
    text = "import settings, outer, late\nANSWER = 1"
    (folder / "main.py").write_text(plain(text))
    with launch(reloader, folder, "--load-s", "1") as running:
        running.serves()
        running.log.wait_for(f"lost {reason}: it stays cold")
        facts = running.warm().line.ask("explain")

        assert (
            facts["cold"].items() >= {"lost": reason, "outer": "imports lost"}.items()
        )
        assert {"calm", "late"} <= set(facts["warm"])


def test_changed_third_party_code_is_loaded_anew(reloader: Path, folder: Path) -> None:
    deps = folder.parent / "deps"
    install(deps, {"library": "NAME = 'one'\n"})
    text = plain("from library import NAME as ANSWER")
    (folder / "main.py").write_text(text)
    with launch(reloader, folder) as running:
        running.serves().warm()

        install(deps, {"library": "NAME = 'two and more'\n"})
        assert running.edit("main.py", text)["op"] == "serving"
        assert running.get() == "two and more"

        running.warm()
        assert "library" in running.line.ask("explain")["warm"]

        install(deps, {"another": "NAME = 'three'\n"})
        text = plain("from another import NAME as ANSWER")
        assert running.edit("main.py", text)["op"] == "serving"
        assert running.get() == "three"


def test_a_file_of_the_developer_takes_the_place_of_a_warm_module(
    reloader: Path, folder: Path
) -> None:
    install(folder.parent / "deps", {"library": "NAME = 'installed'\n"})
    text = plain("from library import NAME as ANSWER")
    (folder / "main.py").write_text(text)
    with launch(reloader, folder) as running:
        running.serves().warm()
        assert running.get() == "installed"

        assert running.edit("library.py", "NAME = 'mine'\n")["op"] == "serving"
        assert running.get() == "mine"

        (folder / "library.py").unlink()
        assert running.batch(folder / "library.py")["op"] == "serving"
        assert running.get() == "installed"


@pytest.mark.parametrize(
    ("name", "stand_in", "before", "after"),
    [
        pytest.param("inner", "Stub", "real", "stub", id="a stub for a module"),
        pytest.param("inner", "None", "real", "none", id="nothing for a module"),
        pytest.param("extra", "Stub", "none", "stub", id="a stub for nothing"),
    ],
)
def test_what_the_program_puts_in_the_place_of_a_module_is_found_by_others(
    reloader: Path, folder: Path, name: str, stand_in: str, before: str, after: str
) -> None:
    outer = f"try:\n    from {name} import NAME\nexcept ImportError:\n    NAME = 'none'"
    install(folder.parent / "deps", {"outer": outer, "inner": "NAME = 'real'"})
    text = "import sys\nclass Stub:\n    NAME = 'stub'\n{}\n"
    text += "from outer import NAME as ANSWER"
    (folder / "main.py").write_text(plain(text.format("")))
    with launch(reloader, folder) as running:
        running.serves().warm()
        assert running.get() == before

        put = plain(text.format(f"sys.modules[{name!r}] = {stand_in}"))
        for _ in range(2):
            assert running.edit("main.py", put)["op"] == "serving"
            assert running.get() == after
        running.warm()
        assert running.edit("main.py", put)["op"] == "serving"
        assert running.get() == after
        assert "outer" not in running.line.ask("explain")["warm"]


def test_a_variable_that_a_warm_module_read_is_set_by_an_edit(
    reloader: Path, folder: Path
) -> None:
    library = "import os\nNAME = os.environ.get('APP_NAME', 'none')\n"
    install(folder.parent / "deps", {"library": library})
    text = "import os\n{}\nfrom library import NAME as ANSWER"
    (folder / "main.py").write_text(plain(text.format("")))
    with launch(reloader, folder) as running:
        running.serves().warm()
        assert running.get() == "none"

        for name in ("two", "three"):
            setting = f"os.environ['APP_NAME'] = '{name}'"
            assert (
                running.edit("main.py", plain(text.format(setting)))["op"] == "serving"
            )
            assert running.get() == name


def test_editable_installs_and_namespaces_that_reach_into_them_stay_cold(
    reloader: Path, folder: Path
) -> None:
    deps, checkout = folder.parent / "deps", folder.parent / "checkout"
    install(deps, {"space/theirs": "NAME = 'theirs'\n"})
    (checkout / "space").mkdir(parents=True)
    (checkout / "space" / "mine.py").write_text("NAME = 'one'\n")
    (checkout / "linked").mkdir()
    (checkout / "linked" / "__init__.py").write_text("NAME = 'one'\n")
    (deps / "linked").symlink_to(checkout / "linked")
    imports = "import linked\nfrom space import mine, theirs\n"
    text = plain(imports + "ANSWER = f'{theirs.NAME} {mine.NAME} {linked.NAME}'")
    (folder / "main.py").write_text(text)
    paths = f"{deps}{os.pathsep}{checkout}"
    with start(reloader, folder, SCRIPT, environ={"PYTHONPATH": paths}) as running:
        running.serves().warm()
        assert running.get() == "theirs one one"
        warm = running.line.ask("explain")["warm"]
        assert not [name for name in warm if name.startswith(("space", "linked"))]

        (checkout / "space" / "mine.py").write_text("NAME = 'two'\n")
        (checkout / "linked" / "__init__.py").write_text("NAME = 'two'\n")
        assert running.batch(checkout / "space" / "mine.py")["op"] == "serving"
        assert running.get() == "theirs two two"


def test_the_death_of_the_warm_process_costs_one_slow_edit(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 'one'"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves().warm()
        os.kill(running.status()["warm_pid"], signal.SIGKILL)
        running.log.wait_for("the warm process died")
        assert running.get() == "one"

        assert running.edit("main.py", plain("ANSWER = 'two'"))["op"] == "serving"
        assert running.get() == "two"

        running.warm()
        assert running.edit("main.py", plain("ANSWER = 'three'"))["op"] == "serving"
        assert running.get() == "three"
        assert running.end() == -signal.SIGTERM


@pytest.fixture
def mine(reloader: Path, folder: Path) -> Path:
    """Return a reloader that a test may move and change."""
    return shutil.copyfile(reloader, folder.parent / "reloader.py")


def test_a_warm_process_that_cannot_start_is_tried_again(
    mine: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 'one'"))
    with start(mine, folder, SCRIPT) as running:
        running.serves().warm()
        mine.rename(folder.parent / "away.py")
        os.kill(running.status()["warm_pid"], signal.SIGKILL)
        running.log.wait_for("the warm process died")
        text = plain("ANSWER = 'two'")
        running.line.send("batch", changed=[str(running.write("main.py", text))])
        running.log.wait_for("the warm process died")
        assert running.get() == "one"

        (folder.parent / "away.py").rename(mine)

        assert running.line.receive()["op"] == "serving"
        assert running.get() == "two"


def test_a_warm_process_is_what_the_reloader_was_when_it_started(
    mine: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 'one'"))
    with start(mine, folder, SCRIPT) as running:
        running.serves().warm()
        head, _, rest = mine.read_text().partition("SOURCE = r'''")
        tail = rest.rpartition("'''")[2]
        mine.write_text(f"{head}SOURCE = r'''raise SystemExit'''{tail}")
        os.kill(running.status()["warm_pid"], signal.SIGKILL)
        running.log.wait_for("the warm process died")

        assert running.edit("main.py", plain("ANSWER = 'two'"))["op"] == "serving"
        assert running.get() == "two"


def test_the_pauses_between_attempts_grow_until_one_succeeds() -> None:
    retry = Retry()
    pauses = [retry.next_s() for _ in range(20)]

    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[4] > pauses[1] > 0
    assert pauses[-1] == pauses[-2] == LONGEST_PAUSE_S

    retry.succeeded()

    assert [retry.next_s() for _ in range(20)] == pauses


def test_the_death_of_the_warm_process_during_an_edit_is_survived(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 'one'"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves().warm()
        warm = running.status()["warm_pid"]
        slow = running.write(
            "main.py", "import time; time.sleep(0.2)\n" + plain("ANSWER = 2")
        )
        os.kill(warm, signal.SIGSTOP)
        running.line.send("batch", id=1, changed=[str(slow)])
        assert running.status()["starting"]
        os.kill(warm, signal.SIGKILL)

        assert running.line.receive()["op"] == "serving"
        assert running.get() == "2"


def test_random_numbers_differ_between_generations(
    reloader: Path, folder: Path
) -> None:
    text = plain("import random\nANSWER = str(random.random())")
    (folder / "main.py").write_text(text)
    with start(reloader, folder, SCRIPT) as running:
        running.serves().warm()
        answers = {running.get()}
        for _ in range(3):
            running.edit("main.py", text)
            answers.add(running.get())

        assert len(answers) == 4
