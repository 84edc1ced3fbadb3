"""The agent: handed over on the exec stream, run from memory, gone with the stream."""

import hashlib
import zlib
from functools import cache
from importlib.resources import files


# In the order in which they import each other.
MODULES = (
    "link",
    "stream",
    "folders",
    "scratch",
    "place",
    "batch",
    "burst",
    "look",
    "child",
    "hooks",
    "probing",
    "reloader",
    "agent",
)

# What the boot line exits with where the interpreter is too old; Python 2 does not even
# know its flags.
TOO_OLD = frozenset({91, 2})

_BOOT = """\
# syncd agent {session}
import sys
if sys.version_info < (3, 8):
    sys.stderr.write("syncd needs Python 3.8 or newer, this is " + sys.version + "\\n")
    sys.exit(91)
import os, zlib
packed = b""
while len(packed) < {size}:
    piece = os.read(0, {size} - len(packed))
    if not piece:
        sys.exit(92)
    packed += piece
words = zlib.decompress(packed).decode().split("\\0")
for name, source in zip(words[::2], words[1::2]):
    module = sys.modules[name] = type(sys)(name)
    exec(compile(source, name, "exec"), module.__dict__)
sys.exit(module.main("{digest}"))
"""


def boot(interpreter: str, session: str = "") -> tuple[tuple[str, ...], bytes]:
    """Return the command that starts the agent, and what it must be sent first.

    The command reads exactly those bytes; frames follow. It exits with 91 and a line
    on stderr if the interpreter is too old. Isolated (`-I -S`), so that nothing of the
    container's own packages is imported; `-X utf8`, so that names are the bytes that
    they are, in any locale; `-B`, as it must write nothing. `session` stands in its
    command line, so that a later agent of the same session finds it and ends it.
    """
    packed, digest = _packed()
    line = _BOOT.format(size=len(packed), digest=digest, session=session)
    return (interpreter, "-I", "-S", "-B", "-X", "utf8", "-c", line), packed


@cache
def _packed() -> tuple[bytes, str]:
    here = files(__name__)
    words = []
    for name in MODULES:
        words += [f"{__name__}.{name}", (here / f"{name}.py").read_text("utf-8")]
    source = "\0".join(words).encode()
    return zlib.compress(source, 9), hashlib.sha256(source).hexdigest()[:16]
