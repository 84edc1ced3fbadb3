"""The stage: running a command in this process as Python would have run it."""

# ruff: noqa: PTH100, PTH109, PTH120, PTH123, SLF001 - no pathlib; runpy's door is private
from __future__ import annotations

import importlib
import os
import runpy
import sys
import types
from importlib.machinery import PathFinder, SourceFileLoader

from syncd.reloader.program import Program, is_isolated


def set_the_stage(program: Program) -> types.ModuleType:
    """Make of this process what Python makes of itself before it runs a command.

    Returns:
        What is going to be its `__main__`.
    """
    main, mine = types.ModuleType("__main__"), sys.modules["__main__"]
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    if "__annotations__" in vars(mine):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    sys.modules["__reloader__"] = mine  # or it would be emptied
    if not program.module and _is_importable(program.target):
        sys.path.insert(0, _path_of(program.target))
    elif not is_isolated():
        folder = os.path.dirname(os.path.realpath(program.target))
        sys.path.insert(0, os.getcwd() if program.module else folder)
    importlib.invalidate_caches()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:  # the standard library's reseeds itself
        numpy_random.seed()
    return main


def perform(program: Program, main: types.ModuleType) -> None:
    """Run the command to its end."""
    if program.module:
        runpy._run_module_as_main(program.target)  # type: ignore[attr-defined]  # as -m
    elif _is_importable(program.target):
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]  # as a folder
    else:
        _run_script(program.target, main)


def _path_of(target: str) -> str:
    return os.path.abspath(target) if sys.hexversion >= 0x03090000 else target


def _is_importable(target: str) -> bool:
    """Tell whether what to run is an archive or a folder with a `__main__` in it."""
    return PathFinder.find_spec("__main__", [_path_of(target)]) is not None


def _run_script(target: str, main: types.ModuleType) -> None:
    path = _path_of(target)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    loader = SourceFileLoader("__main__", path)
    main.__dict__.update(__file__=path, __cached__=None, __loader__=loader)
    exec(code, main.__dict__)  # noqa: S102 - which is what running a script is
