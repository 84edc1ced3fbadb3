"""What is there."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from syncd.errors import TargetError
from syncd.shell import (
    Landed,
    hash_command,
    list_command,
    list_input,
    parse_hashes,
    parse_list,
)
from syncd.tree import Kind
from tests.agent.trees import Edit, edited, edits, grown
from tests.agent_driver import everything, tree_at, written
from tests.examples import examples
from tests.shell.shells import Shell, busybox, gnu


@given(edits)
@settings(max_examples=examples(8))
def test_a_listing_is_what_is_on_disk_but_for_odd_names(edits: list[Edit]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = grown(Path(folder, "remote"), edited({}, edits))
        tree = tree_at(root)
        dirs = [path for path, entry in tree.items() if entry.kind is Kind.DIR]
        told = {
            path: entry
            for path, entry in tree.items()
            if b"\n" not in path and b"\\" not in path
        }

        for shell in (gnu(), busybox()):
            assert shell.listing(root, b"", *dirs) == told


def test_folders_that_are_not_there_and_links_are_not_listed(
    shell: Shell, remote: Path
) -> None:
    written(remote, pkg__a="x", top="y")
    (remote / "link").symlink_to("pkg")
    os.mkfifo(remote / "pipe")
    (remote / ".syncd-sh-host-1").mkdir()

    assert set(shell.listing(remote, b"", b"link", b"none")) == {
        b"pkg",
        b"top.py",
        b"link",
    }


def test_a_missing_root_is_an_error_after_all_was_read(
    shell: Shell, local: Path, tmp_path: Path
) -> None:
    (local / "big").write_bytes(bytes(1_000_000))
    root = str(tmp_path / "none")
    many = list_input([b"n" * 1000] * 300)

    for command, parse in (
        (list_command(root, len(many)), parse_list),
        (hash_command(root, len(many)), parse_hashes),
    ):
        answer = shell.answer(command, many)
        with pytest.raises(TargetError):
            parse(answer)
    landed = shell.apply(tmp_path / "none", local, everything(local))
    assert landed == Landed(refused="root-missing")
