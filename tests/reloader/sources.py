"""A small program, in its many states."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.reloader.running import plain


# What it reads while it starts, it reads in its lifespan.
SERVED = """\
{text}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if start() == "failed":
            await send({{"type": "lifespan.startup.failed", "message": "no luck"}})
            return
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    body = str(ANSWER).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


def served(text: str) -> str:
    """Return a program for uvicorn that answers all with the `ANSWER` of `text`."""
    return SERVED.format(text=text)


def alone(text: str) -> str:
    """Return a script that answers all with the `ANSWER` of `text`."""
    return plain(f"{text}\nstart()")


@dataclass(frozen=True)
class Source:
    """A small program of several modules, in one of its many states."""

    number: int = 1
    broken: str = ""
    cycle: bool = False
    package: bool = False
    extra: str = "none"
    thread: bool = False
    data: str = "data"
    startup: str = "fine"
    note: str = ""
    texts: frozenset[str] = frozenset()
    style: int = 0
    library: int = 1
    shadow: bool = False
    environ: str = ""

    def files(self, make: Callable[[str], str]) -> dict[str, str]:
        """Return the text of each file, by its path; `make` makes a program of code."""
        cycle = "import alpha" if self.cycle else ""
        extra = "" if self.extra == "none" else "import extra"
        setting = f"os.environ['LEVEL'] = {self.environ!r}" if self.environ else ""
        thread = "threading.Thread(target=threading.Event().wait, daemon=True).start()"
        main = f"""
import glob, os, threading
{setting}
import alpha, beta, library, tool
from part import leaf
{extra}
{thread if self.thread else ""}
with open("data.txt") as file:
    DATA = file.read()
alpha.STATE.append(beta.value())

def start():
    global ANSWER
    with open("startup.txt") as file:
        how = file.read()
    if how == "raises":
        raise RuntimeError("no luck")
    try:
        with open("note.txt") as file:
            note = file.read()
    except OSError:
        note = ""
    ANSWER = repr([
        alpha.Thing().name, alpha.STATE, beta.value(), leaf.NAME, DATA, library.NAME,
        library.LEVEL, tool.NAME, sorted(glob.glob("texts/*")), note, how,
        threading.active_count() - threading.main_thread().daemon,
    ])
    return how
"""
        found = {
            "project/main.py": make(main),
            "project/alpha.py": f"import beta\nSTATE = [{self.number}]\n"
            f"class Thing:\n    name = 'thing {self.number}'\n{self._flaw()}\n",
            "project/beta.py": f"{cycle}\ndef value():\n    return {self.number * 2}\n",
            "project/data.txt": self.data,
            "project/startup.txt": self.startup,
            "project/style.css": str(self.style),
            "deps/library.py": f"import os\nNAME = 'library {self.library:{9}}'\n"
            "LEVEL = os.environ.get('LEVEL')\n",
            "deps/tool.py": "NAME = 'installed'\n",
            "deps/all-1.dist-info/RECORD": "",
        }
        if self.note:
            found["project/note.txt"] = self.note
        for name in self.texts:
            found[f"project/texts/{name}"] = ""
        if self.package:
            found["project/part/__init__.py"] = ""
            found["project/part/leaf.py"] = f"NAME = 'package {self.number}'\n"
        else:
            found["project/part.py"] = (
                f"class leaf:\n    NAME = 'module {self.number}'\n"
            )
        if self.extra == "there":
            found["project/extra.py"] = f"NUMBER = {self.number}\n"
        if self.shadow:
            found["project/tool.py"] = "NAME = 'mine'\n"
        return found

    def _flaw(self) -> str:
        flaws = {"syntax": "x = = 1", "raise": "raise ValueError('no')"}
        flaws["import"] = "import nowhere"
        return flaws.get(self.broken, "")
