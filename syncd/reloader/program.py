"""The command: what Python is asked to run, and which code is whose."""

# pathlib would be one more module that every generation is born with.
# ruff: noqa: ANN401, PTH113, PTH119, PTH123, PTH208
from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import sys
import sysconfig


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Unchanged(Exception):
    """The command is better run as it is, for the reason given."""


class Program:
    """What Python is asked to run.

    Attributes:
        launch: The interpreter and its options.
        module: Whether `target` is the name of a module, and not the path of a script.
    """

    def __init__(
        self, launch: list[str], target: str, args: list[str], *, module: bool
    ) -> None:
        self.launch = launch
        self.target = target
        self.args = args
        self.module = module

    def introduce(self) -> None:
        """Give Python the words that it would have been given."""
        option = ["-m"] if self.module else []
        sys.argv = [*(option or [self.target]), *self.args]
        words = [*self.launch, *option, self.target, *self.args]
        getattr(sys, "orig_argv", [])[:] = words


def resolve(command: list[str]) -> Program:
    """Find out what `command` would run, without running it.

    Raises:
        Unchanged: If that is not a Python program.
    """
    found = shutil.which(command[0])
    if found is None:
        raise Unchanged(f"{command[0]} is not on the PATH")
    if re.fullmatch(r"python[\d.]*", os.path.basename(found)):
        return _resolve_python(found, command[1:])
    launch = _shebang(found)
    if not launch:
        raise Unchanged(f"{found} is not a Python program")
    return Program(launch, found, command[1:], module=False)


def _resolve_python(python: str, args: list[str]) -> Program:
    launch, rest = [python], list(args)
    while rest:
        arg = rest.pop(0)
        if arg == "-m" and rest:
            return Program(launch, rest[0], rest[1:], module=True)
        if arg in ("-W", "-X") and rest:
            launch += [arg, rest.pop(0)]
        elif re.fullmatch(r"-[bBdEIOPqsSuvx]+|-[WX].+", arg):
            launch.append(arg)
        elif os.path.isfile(arg) or os.path.isfile(f"{arg}/__main__.py"):
            return Program(launch, arg, rest, module=False)
        else:
            raise Unchanged(f"python {arg} is neither a module nor a script")
    raise Unchanged("python alone is a conversation")


def _shebang(path: str) -> list[str]:
    """Return the Python that runs the script at `path`, or [] if none does."""
    with open(path, "rb") as file:
        first, second = file.readline(512), file.readline(512)
    if not first.startswith(b"#!"):
        return []
    words = shlex.split(os.fsdecode(first[2:]))
    trick = 3 * b"'" + b"exec' "  # of pip and uv, where a kernel reads too short a line
    if words[:1] == ["/bin/sh"] and second.startswith(trick):
        words = shlex.split(os.fsdecode(second[len(trick) :]))[:1]
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S"]
    python = shutil.which(words[0]) if words else None
    if python is None or "python" not in os.path.basename(python):
        return []
    return [python, *words[1:]]


class Places:
    """Tells third-party code from the developer's: the longest prefix decides.

    Third-party is what lies in the standard library, or in a folder that installers
    fill. All else is the developer's: the roots, PYTHONPATH, editable installs.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        paths = sysconfig.get_paths()
        found = {paths[key] for key in paths if key.endswith("lib")}
        found.update(filter(_is_filled_by_installers, sys.path))
        self.installed = sorted({*found, *map(os.path.realpath, found)})
        mine = {*roots, *map(os.path.realpath, roots)}
        prefixes = [(path.rstrip("/") + "/", False) for path in mine]
        prefixes += [(path.rstrip("/") + "/", True) for path in self.installed]
        self._prefixes = sorted(prefixes, key=lambda item: -len(item[0]))
        self._real = functools.lru_cache(maxsize=None)(os.path.realpath)

    def third_party(self, path: str) -> bool:
        """Tell whether the file at `path` is third-party code."""
        # By its folder's real path: a folder in site-packages may be a link out of it.
        folder, name = os.path.split(path)
        path = f"{self._real(folder)}/{name}"
        return next((is_it for p, is_it in self._prefixes if path.startswith(p)), False)

    def may_be_warm(self, spec: Any) -> bool:
        """Tell whether nothing that a module's `spec` stands for is the developer's."""
        paths = [spec.origin] if spec.has_location else []
        paths += [f"{path}/" for path in spec.submodule_search_locations or ()]
        return all(map(self.third_party, paths))


def _is_filled_by_installers(entry: str) -> bool:
    name = os.path.basename(entry)
    if name in ("site-packages", "dist-packages", "lib-dynload"):
        return True
    try:  # pip install --target
        return any(name.endswith(".dist-info") for name in os.listdir(entry))
    except OSError:
        return name.startswith("python") and name.endswith(".zip")


def is_isolated() -> bool:
    """Tell whether Python was told to keep a script's folder off `sys.path`."""
    return bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))
