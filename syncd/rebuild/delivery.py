"""The delivery: an image that is built, brought to where the nodes get it from."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from syncd.rebuild import building, process, registry
from syncd.rebuild.builders import BUILDERS, Builder
from syncd.rebuild.building import Own
from syncd.rebuild.failure import CannotBuild, CannotDeliver
from syncd.rebuild.output import Output
from syncd.rebuild.reference import is_this_machine
from syncd.rebuild.route import Route, loads


_HINTS = (
    (
        r"[Nn]o space left|insufficient storage|500 Internal Server Error",
        "is the registry's disk full?",
    ),
    (
        r"connection refused|no such host|i/o timeout|[Nn]o route to host|EOF$",
        "is the registry running? k3d: docker ps --filter name=registry",
    ),
    (
        r"server gave HTTP response to HTTPS client|x509|certificate",
        'the builder expects TLS: push to localhost, with registry = "localhost:PORT"',
    ),
    (
        r"unauthorized|authentication required|denied|forbidden|no basic auth",
        "log in with the builder (docker login REGISTRY), or push to another registry",
    ),
    (r"not found|unknown cluster|[Nn]o nodes", "does the cluster have that name?"),
)


async def deliver(
    route: Route, builder: Builder | Own, reference: str, output: Output
) -> None:
    """Bring an image to where the nodes get it from.

    Args:
        route: The way there.
        builder: Who built it.
        reference: What the builder calls it.
        output: Where the lines of the tools go.

    Raises:
        CannotDeliver: With what is known of why.
    """
    if route.way == "none":
        return
    if isinstance(builder, Own):
        if route.way == "push" and await registry.has(reference):
            return  # it has pushed the image itself
        builder = await _somebody(reference)
    if route.way == "push":
        insecure = is_this_machine(route.registry)
        push = builder.push(reference, insecure=insecure)
        await _run(push, f"{reference} was not pushed", output)
        return
    with tempfile.TemporaryDirectory(prefix="syncd-image-") as folder:
        for argv in loads(route, builder, reference, Path(folder) / "image.tar"):
            await _run(argv, f"{reference} was not loaded by {argv[0]}", output)


async def _somebody(reference: str) -> Builder:
    """Return who can push or save what a command of the user's own has built."""
    for name in ("docker", "podman", "nerdctl", "buildah"):
        try:
            found = await building.find(name)
        except CannotBuild:
            continue
        assert isinstance(found, Builder)
        return found
    raise CannotDeliver(
        f"{reference} was built by a command of your own, which did not push it, and"
        f" none of {', '.join(BUILDERS)} is here to do so",
        hint='let the command push, or set deliver = "none"',
    )


async def _run(argv: Sequence[str], what: str, output: Output) -> None:
    try:
        code = await process.run(argv, output.hear)
    except OSError as error:
        raise CannotDeliver(
            f"{what}: {argv[0]} cannot be run: {error.strerror}",
            hint=f"install {argv[0]}, or set `deliver` in [target.rebuild]",
        ) from error
    if code:
        said = output.last[-1] if output.last else f"exit code {code}"
        raise CannotDeliver(f"{what}: {said}", hint=_hint(said), detail=output.last)


def _hint(said: str) -> str:
    found = (hint for pattern, hint in _HINTS if re.search(pattern, said))
    return next(found, "try the same by hand; the log has the command's own words")
