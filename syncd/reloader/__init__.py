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
    "bytecode",
    "sockets",
    "generation",
    "on_loops",
    "on_uvicorn",
    "on_wsgi",
    "on_workers",
    "seams",
    "reactor",
    "watch",
    "warming",
    "ends",
    "supervisor",
    "control",
    "reloader",
)


@cache
def source() -> str:
    """Return the one file that runs where the program runs."""
    texts = {name: _read(name) for name in MODULES}
    idea = ast.get_docstring(ast.parse(texts["reloader"]), clean=False)
    imports: set[str] = set()
    parts = [_part(name, text, imports) for name, text in texts.items()]
    head = ["#!/usr/bin/env python3", f'"""{idea}"""', ""]
    head += ["from __future__ import annotations", "", *sorted(imports), ""]
    tail = ['if __name__ == "__main__":', "    main(sys.argv[1:])", ""]
    return "\n".join([*head, *parts, *tail])


def _read(name: str) -> str:
    return (files(__name__) / f"{name}.py").read_text(encoding="utf-8")


def _part(name: str, text: str, imports: set[str]) -> str:
    """Return the module without its head; what it imports goes to `imports`."""
    tree, lines = ast.parse(text), text.splitlines()
    said = ast.get_docstring(tree) or ""
    for node in tree.body:
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        if is_import or isinstance(node, ast.Expr) or _is_for_checkers(node):
            if is_import and not ast.unparse(node).startswith(
                ("from syncd.", "from __future__")
            ):
                imports.add(ast.unparse(node))
            last = node.end_lineno or node.lineno
            lines[node.lineno - 1 : last] = [""] * (last - node.lineno + 1)
    kept = [line for line in lines if not line.startswith("# ruff:")]
    body = "\n".join(kept).strip("\n")
    return f"# --- {name}: {said.splitlines()[0]}\n\n{body}\n\n"


def _is_for_checkers(node: ast.stmt) -> bool:
    return "TYPE_CHECKING" in ast.unparse(node).partition("\n")[0]
