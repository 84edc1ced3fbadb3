"""Loading ahead: what an import leaves behind, and what therefore stays cold."""

# ruff: noqa: ANN401, PTH115, PTH208, SLF001 - foreign modules; and no pathlib here
from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys

from syncd.reloader.program import Places


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class LeftCold(BaseException):
    """Raised by an import that a candidate must not make.

    It is no `Exception`, because a module that can do without another would catch it,
    and be loaded in the wrong shape.
    """


class TracedEnviron(os._Environ):  # type: ignore[type-arg]  # not generic in 3.8
    """What `os.environ` is while modules are loaded ahead: notes who reads what."""

    witness: Witness

    def __getitem__(self, key: Any) -> Any:
        if self.witness.stack:
            self.witness.reads.add(str(key))
            if key in self.witness.program_sets:
                self.witness.blame(f"reads ${key}, which the program sets")
        return super().__getitem__(key)


class Witness:
    """Stands by while a candidate imports, and finds what has to stay cold, and why.

    Attributes:
        stack: The modules that are being executed, the innermost last.
        found: What was found out here, beyond what was `known`, and by an import.
        skipped: What was not even begun.
        searched: What the import system looked for, whether it was there or not.
        reads: The environment variables that were read.
    """

    def __init__(
        self,
        places: Places,
        known: dict[str, str],
        program_sets: Iterable[str],
        tell: Callable[[list[str]], Any],
    ) -> None:
        self.places = places
        self.tell = tell
        self.known = known
        self.program_sets = set(program_sets)
        self.found: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.searched: set[str] = set()
        self.stack: list[str] = []
        self.reads: set[str] = set()
        self.before = traces()

    def load(self, names: Iterable[str]) -> None:
        """Import all of `names` that can be loaded ahead."""
        finder: Any = self
        sys.meta_path.insert(0, finder)
        TracedEnviron.witness = self
        os.environ.__class__ = TracedEnviron
        for name in names:
            if name not in sys.modules and not self.is_cold(name):
                self._load(name)
        os.environ.__class__ = os._Environ
        sys.meta_path.remove(finder)

    def _load(self, name: str) -> None:
        before = set(sys.modules)
        try:
            importlib.import_module(name)
        except LeftCold:
            pass
        except BaseException as error:  # noqa: BLE001 - a module may raise anything
            what = f"{type(error).__name__}: {error}".partition("\n")[0]
            self.found.setdefault(name, f"cannot be loaded without the program: {what}")
        else:
            return
        for loaded in set(sys.modules) - before:
            del sys.modules[loaded]

    def is_cold(self, name: str) -> bool:
        """Tell whether `name`, or a package that it lies in, is to stay cold."""
        return any(lies_in(name, cold) for cold in (*self.known, *self.found))

    def blame(self, reason: str) -> None:
        """Leave the innermost module cold for `reason`, and those that import it."""
        self.found = {**blamed(self.stack, reason), **self.found}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module as the others do, to stand by when it is executed."""
        self.searched.add(name)
        if self.is_cold(name):
            self.blame(f"imports {name}")
            raise LeftCold
        spec = find_spec_after(self, name, path, target)
        if spec is None:
            return None
        if not self.places.may_be_warm(spec):
            if not self.stack:
                self.skipped[name] = "has a part that is the developer's code"
            self.blame(f"imports {name}, the developer's code")
            raise LeftCold
        return executed_by(spec, self._execute)

    def _execute(self, execute: Callable[[Any], None], module: Any) -> None:
        self.stack.append(module.__name__)
        self.tell(self.stack)
        try:
            execute(module)
            if traces() - self.before:
                self._examine()
        finally:
            self.stack.pop()
            self.tell(self.stack)

    def _examine(self) -> None:
        """Blame the innermost module for what it left behind.

        A library that ends its threads whenever the process forks, as OpenBLAS does,
        is safe; and only a fork can tell.
        """
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        left = traces() - self.before
        self.before |= left
        if left:
            self.blame("leaves behind " + ", ".join(sorted({what for what, _ in left})))


def blamed(stack: list[str], reason: str) -> dict[str, str]:
    """Return why the innermost module of `stack` stays cold, and those around it."""
    found: dict[str, str] = {}
    for name in reversed(stack):
        found.setdefault(name, reason)
        if not reason.startswith("imports "):
            reason = f"imports {name}"
    return found


def traces() -> set[tuple[str, str]]:
    """Return what no import may add to: threads, descriptors, signal handlers."""
    found = {("a thread", str(i)) for i in range(len(os.listdir("/proc/self/task")))}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of the listing itself
            link = os.readlink(f"/proc/self/fd/{fd}")
            if not link.startswith("/dev/"):
                is_socket = link.startswith("socket:")
                found.add(("a socket" if is_socket else "an open file", link))
    for number in signal.valid_signals():
        found.add(("a signal handler", f"{number} {signal.getsignal(number)}"))
    return found


def lies_in(name: str, package: str) -> bool:
    """Tell whether `name` is `package`, or a module of it."""
    return name == package or name.startswith(f"{package}.")


def find_spec_after(finder: Any, name: str, path: Any, target: Any) -> Any:
    """Return what the finders that come after `finder` find."""
    others: list[Any] = sys.meta_path[sys.meta_path.index(finder) + 1 :]
    found = (other.find_spec(name, path, target) for other in others)
    return next((spec for spec in found if spec is not None), None)


def executed_by(spec: Any, execute: Callable[[Any, Any], None]) -> Any:
    """Return `spec`, whose module will be executed by `execute`, this once.

    The module is left with the loader that it would have had.
    """
    loader = spec.loader

    @as_if_importlib
    def exec_module(module: Any) -> None:
        del loader.exec_module
        execute(loader.exec_module, module)

    if hasattr(loader, "exec_module") and not isinstance(loader, type):
        loader.exec_module = exec_module
    return spec


def as_if_importlib(function: Any) -> Any:
    """Have tracebacks leave `function` out, as they do with the import system."""
    name = "<frozen importlib._bootstrap_external>"
    function.__code__ = function.__code__.replace(co_filename=name)
    return function
