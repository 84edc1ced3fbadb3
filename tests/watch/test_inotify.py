import errno
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from syncd.watch.inotify import (
    CLOSE_WRITE,
    CREATE,
    DELETE_SELF,
    IGNORED,
    Event,
    Inotify,
    diagnosis,
    parse,
)


names = st.binary(max_size=20).filter(lambda n: b"\0" not in n and b"/" not in n)
events = st.builds(Event, st.integers(-1, 99), st.integers(0, 2**32 - 1), names)


def packed(event: Event) -> bytes:
    padding = -len(event.name) % 16 + 16 if event.name else 0
    name = event.name.ljust(len(event.name) + padding, b"\0")
    return struct.pack("iIII", event.wd, event.mask, 7, len(name)) + name


@given(st.lists(events, max_size=5))
def test_events_are_read_as_the_kernel_packs_them(said: list[Event]) -> None:
    assert parse(b"".join(map(packed, said))) == said


def test_a_watched_folder_tells_what_happens_in_it(tmp_path: Path) -> None:
    kernel = Inotify()
    folder = tmp_path / "f"
    folder.mkdir()
    wd = kernel.add(bytes(folder), CREATE | CLOSE_WRITE)
    same = kernel.add(bytes(folder), DELETE_SELF)
    before = kernel.read()

    (folder / "x").touch()
    (folder / "x").unlink()
    folder.rmdir()
    said = kernel.read()
    kernel.remove(wd)
    kernel.close()

    assert same == wd, "more of a folder is the same watch"
    assert before == []
    assert said == [
        Event(wd, CREATE, b"x"),
        Event(wd, CLOSE_WRITE, b"x"),
        Event(wd, DELETE_SELF, b""),
        Event(wd, IGNORED, b""),
    ]


@pytest.mark.parametrize(
    ("name", "code"), [("none", errno.ENOENT), ("file", errno.ENOTDIR)]
)
def test_what_is_no_folder_is_not_watched(tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "file").touch()
    kernel = Inotify()

    with pytest.raises(OSError, match=os.strerror(code)):
        kernel.add(bytes(tmp_path / name), CREATE)

    kernel.close()


@pytest.mark.parametrize(
    ("code", "sysctl"),
    [
        (errno.ENOSPC, "fs.inotify.max_user_watches"),
        (errno.EMFILE, "fs.inotify.max_user_instances"),
    ],
)
def test_what_has_run_out_is_named_with_what_mends_it(code: int, sysctl: str) -> None:
    reason, hint = diagnosis(OSError(code, os.strerror(code)))

    assert "no more inotify" in reason
    assert sysctl in hint


def test_any_other_failure_is_named_as_it_is() -> None:
    reason, _ = diagnosis(OSError(errno.ENOMEM, "Cannot allocate memory"))

    assert "Cannot allocate memory" in reason
