"""The warm reloader: the program's own restart, without the restart.

The modules beside this one are never imported by syncd. `source` joins them to one file,
`reloader.py`, which runs from the standard library alone where the program runs: in the
container, or on a laptop.
"""

import ast
from functools import cache
from importlib.resources import files


# In the order in which they use each other.
MODULES = (
    "channel",
    "program",
    "witness",
    "warm",
    "reading",
    "bytecode",
    "sockets",
    "stage",
    "generation",
    "on_loops",
    "on_uvicorn",
    "on_wsgi",
    "on_workers",
    "seams",
    "reactor",
    "inotify",
    "watch",
    "warming",
    "ends",
    "succession",
    "supervisor",
    "control",
    "reloader",
)

_HEAD = '''\
#!/usr/bin/env python3
"""{idea}"""

import marshal
import os
import sys


CODE = None  # where SOURCE is kept, compiled, for the warm processes to come
KIND = [sys.version, sys.flags.optimize, __file__]


def handed_over(fd):
    """Return the code that lies in `fd`, if it is for this interpreter."""
    kind, code = marshal.loads(os.pread(fd, os.fstat(fd).st_size, 0))
    os.close(fd)
    return marshal.loads(code) if kind == KIND else None


def keep(code):
    """Return a file in memory with the code, or None where there are none."""
    if not hasattr(os, "memfd_create"):
        return None
    fd = os.memfd_create("reloader")
    with open(fd, "wb", closefd=False) as file:
        marshal.dump([KIND, code], file)
    return fd


def compiled():
    """Return what SOURCE is compiled to, in a child that ends with it.

    Compiling takes more memory than all else that this file does, and a process that
    stays would keep it.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)  # or it would wait for itself, should its parent be killed
            lines = "\\n" * {line}
            code = compile(lines + SOURCE, __file__, "exec", dont_inherit=True)
            with open(write, "wb") as pipe:
                marshal.dump(code, pipe)
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        code = pipe.read()
    os.waitpid(pid, 0)
    return code


SOURCE = r\'\'\'
'''
_TAIL = """
'''

words = sys.argv[1:]
is_warm = words[:1] == ["--warm"] and all(map(str.isdigit, words[1:]))
code = handed_over(int(words[2])) if is_warm and len(words) == 3 else None
if code is None:
    code = compiled()
    CODE = None if is_warm else keep(code)
    code = marshal.loads(code)
exec(code)
"""


@cache
def source() -> str:
    """Return the one file that runs where the program runs."""
    idea = ast.get_docstring(ast.parse(_read("reloader")), clean=False)
    line = _HEAD.format(idea=idea, line=0).count("\n")
    return _HEAD.format(idea=idea, line=line - 1) + joined() + _TAIL


def joined() -> str:
    """Return the modules as one, which needs nothing but the standard library."""
    imports: set[str] = set()
    parts = [_part(name, _read(name), imports) for name in MODULES]
    head = ["from __future__ import annotations", "", *sorted(imports), "", ""]
    tail = ['if __name__ == "__main__":', "    main(sys.argv[1:])"]
    return "\n".join([*head, *parts, *tail])


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.py").read_text(encoding="utf-8")


def _part(name: str, text: str, imports: set[str]) -> str:
    """Return the module without its head; what that imports goes to `imports`."""
    tree, lines = ast.parse(text), text.splitlines()
    idea = (ast.get_docstring(tree) or "").partition("\n")[0]
    for node in tree.body:
        statement = ast.unparse(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not statement.startswith(("from syncd.", "from __future__")):
                imports.add(statement)
        elif not (isinstance(node, ast.Expr) or "TYPE_CHECKING" in statement[:20]):
            continue
        for i in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[i] = ""
    kept = [line for line in lines if not line.startswith("# ruff:")]
    body = "\n".join(kept).strip("\n")
    return f"# --- {name}: {idea}\n\n\n{body}\n\n"
