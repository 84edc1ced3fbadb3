"""Opening a link: the agent where there is a Python, else `sh` and `tar`."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from syncd import agent
from syncd.cluster import Api, CommandNotFound, Replica, open_exec
from syncd.errors import TargetError
from syncd.session.agent_link import AgentLink
from syncd.session.link import Link
from syncd.session.owed import Root
from syncd.session.shell_link import ShellLink
from syncd.session.stream import Patience, ProcessEnded


# PATH first; then where images keep a Python that is not on it.
INTERPRETERS = (
    "python3",
    "python",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/venv/bin/python3",
)
_SYNCD = secrets.token_hex(8)  # this process


@asynccontextmanager
async def dial(
    api: Api, replica: Replica, roots: Sequence[Root], patience: Patience
) -> AsyncIterator[Link]:
    """Open a link into a container.

    Raises:
        TargetError: If there is neither a Python nor a shell with tar.
        TransportError: If the container cannot be reached, or its Python ended and there
            is no shell.
    """
    session = _session(replica, roots)
    ended: dict[str, ProcessEnded] = {}
    for interpreter in INTERPRETERS:
        argv, boot = agent.boot(interpreter, session)
        async with open_exec(api, replica, argv) as stream:
            link = AgentLink(stream, roots, patience, session)
            error = await _meet(link, boot)
            if error is None:
                try:
                    yield link
                finally:
                    await link.close()
                return
        if isinstance(error, ProcessEnded):
            ended[interpreter] = error
    fallback = ShellLink(
        partial(open_exec, api, replica), roots, session, why=_why(ended)
    )
    try:
        await fallback.meet()
    except CommandNotFound as error:
        for broke in ended.values():
            if broke.code not in agent.TOO_OLD:
                raise broke from error  # it may be another time
        raise TargetError(
            f"{replica.pod} container {replica.container} has neither Python 3.8 or"
            f" newer (looked for {', '.join(INTERPRETERS)}) nor a shell",
            hint="develop on an image with one of them, such as the -debug or -slim"
            " variant of yours",
        ) from error
    yield fallback


def _why(ended: Mapping[str, ProcessEnded]) -> str:
    """Return why no Python serves, of those that ended before they greeted."""
    for interpreter, error in ended.items():
        if error.code in agent.TOO_OLD:
            return f"{interpreter} is older than 3.8"
        return f"{interpreter}: {error}"
    return "no Python in the container"


def _session(replica: Replica, roots: Sequence[Root]) -> str:
    """Return what the agents of one session have in common, and share with no other."""
    place = (replica.uid, replica.container, replica.container_id)
    said = "\0".join((_SYNCD, *place, *(root.remote for root in roots)))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


async def _meet(link: AgentLink, boot: bytes) -> CommandNotFound | ProcessEnded | None:
    """Return why there is no agent; None if it greets."""
    try:
        await link.meet(boot, "python")
    except (CommandNotFound, ProcessEnded) as error:
        return error
    return None
