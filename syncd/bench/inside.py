"""Commands in a container, for what the measuring does there itself."""

from syncd.cluster import Api, Exit, Replica, open_exec
from syncd.errors import SyncdError


class PushFailed(SyncdError):
    """A mode could not bring an edit into the container."""


async def run_in(api: Api, replica: Replica, script: str, data: bytes = b"") -> bytes:
    """Run a shell script in a container; return what it wrote.

    Raises:
        PushFailed: If it did not end well.
        SyncdError: If it could not be run.
    """
    said = b""
    async with open_exec(api, replica, ["sh", "-c", script]) as stream:
        if data:
            await stream.send(data)
        while True:
            match await stream.receive():
                case Exit(code=0):
                    return said
                case Exit(code=code):
                    words = said.decode("utf-8", "replace").strip()
                    raise PushFailed(f"exit code {code}: {words}")
                case output:
                    said += output.data
