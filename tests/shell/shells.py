"""The shells and tools that containers have, run for real."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from syncd.shell import (
    Batch,
    Landed,
    hash_command,
    hash_input,
    list_command,
    list_input,
    parse_ack,
    parse_hashes,
    parse_list,
)
from syncd.tree import Change, Entry, Kind


@dataclass(frozen=True)
class Shell:
    """A container's shell and tools."""

    path: str
    prefix: tuple[str, ...] = ()
    user: int | None = None

    def start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        found = shutil.which(argv[0], path=self.path)
        assert found is not None
        return subprocess.Popen(
            [*self.prefix, found, *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": self.path},
            user=self.user,
        )

    def answer(self, argv: Sequence[str], stdin: bytes = b"") -> bytes:
        """Return what a command prints; its stdin is never closed, as over v4."""
        with self.start(argv) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(stdin)
            process.stdin.flush()
            return process.stdout.read()

    def apply(
        self, remote: Path, local: Path, changes: Sequence[Change], **how: Any
    ) -> Landed:
        with Batch(local, changes, **how) as batch:
            stream = b"".join(batch.pieces())
            assert len(stream) == batch.size
            answer = self.answer(batch.command(str(remote), 7), stream)
        return parse_ack(answer, 7)

    def listing(self, remote: Path, *dirs: bytes) -> dict[bytes, Entry]:
        """Return what folders hold, with the digests of files."""
        names = list_input(dirs)
        entries = parse_list(self.answer(list_command(str(remote), len(names)), names))
        files = [path for path, entry in entries.items() if entry.kind is Kind.FILE]
        names = hash_input(files)
        hashed = self.answer(hash_command(str(remote), len(names)), names)
        for path, digest in parse_hashes(hashed).items():
            entries[path] = replace(entries[path], digest=digest)
        return entries


@functools.cache
def gnu() -> Shell:
    if (
        "GNU"
        not in subprocess.run(
            ["tar", "--version"], capture_output=True, text=True, check=False
        ).stdout
    ):
        pytest.skip("no GNU tar here")
    return Shell(os.environ["PATH"])


@functools.cache
def busybox() -> Shell:
    found = shutil.which("busybox")
    if found is None:
        pytest.skip("no BusyBox here")
    tools = tempfile.mkdtemp(prefix="busybox-")
    atexit.register(shutil.rmtree, tools)
    Path(tools).chmod(0o755)
    subprocess.run([found, "--install", "-s", tools], check=True)
    return Shell(tools)


def codes(landed: Landed) -> dict[bytes, str]:
    """Return what went wrong with which path."""
    return {finding.path: finding.code for finding in landed.failures}
