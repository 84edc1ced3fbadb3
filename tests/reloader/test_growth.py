"""Reloading for a whole day leaves nothing behind."""

from pathlib import Path

from tests.examples import examples
from tests.reloader.running import SCRIPT, Running, plain, start


RELOADS = examples(60)
LIBRARY = "import json, decimal, email.message\nANSWER = {}"


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def processes(running: Running) -> list[int]:
    """Return the supervisor, the warm process, and the generation that serves."""
    status = running.status()
    return [running.process.pid, status["warm_pid"], status["pid"]]


def test_neither_descriptors_nor_memory_nor_processes_grow(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain(LIBRARY.format(0)))
    with start(reloader, folder, SCRIPT) as running:
        running.serves().warm()
        # What is due in some seconds, to kill what does not end, takes some room too.
        for number in range(10 + RELOADS // 3):
            running.edit("main.py", plain(LIBRARY.format(number)))
        running.until(lambda status: status["generations"] == 1)
        before = [(descriptors(pid), private_kib(pid)) for pid in processes(running)]

        for number in range(RELOADS):
            answer = running.edit("main.py", plain(LIBRARY.format(number)))
            assert answer["op"] == "serving"
        running.until(lambda status: status["generations"] == 1)
        after = [(descriptors(pid), private_kib(pid)) for pid in processes(running)]

    assert [fds for fds, _ in after] == [fds for fds, _ in before]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert new < old + 1024
