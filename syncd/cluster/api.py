"""The API of one cluster: JSON in and out, errors of `failures`.

Paths are those of the API, such as `/api/v1/namespaces/x/pods`; objects are plain
dictionaries.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import anyio

from syncd.cluster import watching
from syncd.cluster.failures import Answer, asked, refusal
from syncd.cluster.kubeconfig import Context
from syncd.cluster.outage import Outage
from syncd.cluster.ports import Body, Http, Params, Socket, Timing
from syncd.cluster.retry import pause_before_retry
from syncd.errors import ProtocolError
from syncd.events import Emit


Patch = Literal["json", "merge", "strategic", "apply"]

_CONTENT_TYPES: Mapping[Patch, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}

FIELD_MANAGER = "syncd"


class Api:
    """One cluster, through one context.

    Attributes:
        context: The context's name, pinned at start.
        cluster: The name of its cluster in the kubeconfig.
        server: The address of its API.
        namespace: The context's namespace, "default" if it names none.
        user: The kubeconfig's name for whom we are.
        timing: How long things may take.
        outage: Whether the API server answers, told once per change.
        watches: Those that are open.
    """

    def __init__(self, http: Http, context: Context, timing: Timing) -> None:
        self._http = http
        self.context = context.name
        self.cluster = context.cluster_name
        self.server = context.server
        self.namespace = context.namespace
        self.user = context.user_name
        self.timing = timing
        self.outage = Outage(context.server)
        self.watches = watching.Watches()

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """Return an object, or a list of them.

        Args:
            path: Of the object or collection.
            params: The query, in the API's own spelling: `labelSelector="app=x"`.

        Raises:
            TargetError: `Forbidden`, `NotFound` or `Invalid`.
            TransportError: `Unreachable`, `Unauthorized` or `Refused`.
        """
        return await self._call("GET", path, params)

    async def create(self, path: str, body: object, **params: object) -> dict[str, Any]:
        """Create an object in the collection at `path`."""
        return await self._call("POST", path, params, body)

    async def delete(self, path: str, **params: object) -> dict[str, Any]:
        """Delete an object, and return it or a Status."""
        return await self._call("DELETE", path, params)

    async def patch(
        self, path: str, body: object, *, kind: Patch = "strategic", **params: object
    ) -> dict[str, Any]:
        """Change an object.

        Args:
            path: Of the object.
            body: A list of operations for kind "json", else a part of the object.
            kind: How the body is meant. For "apply" (server-side apply), see `apply`.
            params: The query, such as `dryRun="All"`.
        """
        return await self._call("PATCH", path, params, body, _CONTENT_TYPES[kind])

    async def apply(
        self, path: str, body: object, *, force: bool = False, **params: object
    ) -> dict[str, Any]:
        """Make the object's fields those of `body`, as their manager; create it if new.

        Args:
            path: Of the object.
            body: The object as far as syncd has a say in it.
            force: Whether to take over fields that others manage.
            params: The query.

        Raises:
            Refused: With status 409, if others manage a field and it is not forced.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": force, **params}
        return await self.patch(path, body, kind="apply", **query)

    def watch(
        self, path: str, emit: Emit, **params: object
    ) -> AsyncGenerator[watching.Event, None]:
        """Follow a collection for ever; see `watching.watch`. Use with `aclosing`."""
        return watching.watch(self, path, emit, **params)

    def stream(
        self, path: str, *, idle_s: float | None = None, **params: object
    ) -> AbstractAsyncContextManager[Answer | Body]:
        """Open a GET whose answer goes on; see `ports.Http.stream`."""
        return self._http.stream(path, _query(params), idle_s=idle_s)

    async def websocket(
        self, path: str, params: Params, protocols: Sequence[str]
    ) -> Socket:
        """Open a WebSocket; see `ports.Http.websocket`."""
        return await self._http.websocket(path, params, protocols)

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        body: object = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body).encode()
        attempt = 0
        while True:
            attempt += 1
            answer = await self._http.request(
                method, path, _query(params), headers=headers, body=data
            )
            if 200 <= answer.status < 300:
                return _object(answer, path)
            pause = pause_before_retry(method, answer, attempt, self.timing)
            if pause is None:
                raise refusal(asked(method, path), answer)
            await anyio.sleep(pause)


def _object(answer: Answer, path: str) -> dict[str, Any]:
    document = answer.document()
    if not document:
        raise ProtocolError(f"the answer to {path} is not a JSON object")
    return document


def _query(params: Mapping[str, object]) -> Params:
    return [
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in params.items()
        if value is not None
    ]
