"""An API server in memory, behind the port that `Api` uses."""

import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio

from syncd.cluster.api import Api
from syncd.cluster.failures import Answer, Unreachable
from syncd.cluster.kubeconfig import Context
from syncd.cluster.ports import Body, Params, Socket, Timing
from syncd.errors import SyncdError, TransportError


Object = dict[str, Any]

QUICK = Timing(retry_first=0.001, retry_most=0.01)
CONTEXT = Context(
    "k3d-test", "k3d-test", "me", "shop", {"server": "https://api"}, {}, "kubeconfig"
)


def answered(document: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(document).encode())


def denied(verb: str, resource: str) -> Answer:
    message = (
        f'{resource} is forbidden: User "u" cannot {verb} resource "{resource}"'
        ' in API group "" in the namespace "shop"'
    )
    return answered({"message": message}, 403)


class FakeBody:
    """The body of a watch: chunks, a failure, or the end, as they are put in."""

    def __init__(self) -> None:
        self._items: deque[bytes | SyncdError] = deque()
        self._changed = anyio.Event()

    def put(self, item: bytes | SyncdError) -> None:
        self._items.append(item)
        self._changed.set()

    def event(self, kind: str, document: object) -> None:
        line = json.dumps({"type": kind, "object": document})
        self.put(line.encode() + b"\n")

    def end(self) -> None:
        self.put(b"")

    def abort(self) -> None:
        self.put(TransportError("it was cut here"))

    async def chunk(self) -> bytes:
        while not self._items:
            self._changed = anyio.Event()
            await self._changed.wait()
        item = self._items.popleft()
        if isinstance(item, SyncdError):
            raise item
        return item


class FakeHttp:
    """It implements `ports.Http`: lists and watches of what a test puts into it.

    Attributes:
        down: Raised by, or answered to, everything while it is set.
        refusals: Answers for some paths.
        failures: Raised for some paths.
        asked: What was asked: method or "WATCH", path, query.
        watches: The open watches, by path.
    """

    def __init__(self) -> None:
        self.down: SyncdError | Answer | None = None
        self.refusals: dict[str, Answer] = {}
        self.failures: dict[str, SyncdError] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.watches: dict[str, FakeBody] = {}
        self.collections: dict[str, dict[str, Object]] = {}
        self._version = 1
        self._opened = anyio.Event()

    def put(self, path: str, document: Object) -> None:
        """Add an object, or change it."""
        self._version += 1
        known = self.collections.setdefault(path, {})
        kind = "MODIFIED" if document["metadata"]["name"] in known else "ADDED"
        known[document["metadata"]["name"]] = document
        self._tell(path, kind, document)

    def remove(self, path: str, name: str) -> None:
        self._version += 1
        self._tell(path, "DELETED", self.collections[path].pop(name))

    def _tell(self, path: str, kind: str, document: Object) -> None:
        version = {"resourceVersion": str(self._version)}
        told = {**document, "metadata": document["metadata"] | version}
        for query, body in list(self.watches.items()):
            where, _, selector = query.partition("?")
            if where == path and _matches(document, selector):
                body.event(kind, told)

    async def watched(self, path: str, selector: str) -> FakeBody:
        """Wait until that is watched."""
        while f"{path}?{selector}" not in self.watches:
            await self._opened.wait()
        return self.watches[f"{path}?{selector}"]

    async def request(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        self.asked.append((method, path, dict(params)))
        if isinstance(self.down, SyncdError):
            raise self.down
        if path in self.failures:
            raise self.failures[path]
        refusal = self.down or self.refusals.get(path)
        if refusal:
            return refusal
        collection, _, name = path.rpartition("/")
        if name in self.collections.get(collection, {}):
            return answered(self.collections[collection][name])
        if collection.endswith(("s", "v1")) and path not in self.collections:
            if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
                return answered({"metadata": {"name": name}})
            if not path.endswith(("pods", "deployments", "statefulsets")):
                return answered({"message": "not found"}, 404)
        selector = _selector(dict(params))
        items = [
            item
            for item in self.collections.get(path, {}).values()
            if _matches(item, selector)
        ]
        version = {"resourceVersion": str(self._version)}
        return answered({"metadata": version, "items": items})

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params = (), *, idle_s: float | None = None
    ) -> AsyncIterator[Answer | Body]:
        self.asked.append(("WATCH", path, dict(params)))
        if isinstance(self.down, SyncdError):
            raise self.down
        refusal = self.down or self.refusals.get(f"watch {path}")
        if refusal:
            yield refusal
            return
        body = FakeBody()
        key = f"{path}?{_selector(dict(params))}"
        self.watches[key] = body
        self._opened.set()
        self._opened = anyio.Event()
        try:
            yield body
        finally:
            if self.watches.get(key) is body:
                del self.watches[key]

    def cut(self) -> None:
        """Break every open watch, as an API server that is killed."""
        for body in self.watches.values():
            body.put(Unreachable("cut"))

    async def websocket(
        self, path: str, params: Params, protocols: Sequence[str]
    ) -> Socket:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


def _selector(params: Mapping[str, str]) -> str:
    return params.get("labelSelector") or params.get("fieldSelector") or ""


def _matches(document: Object, selector: str) -> bool:
    if not selector:
        return True
    metadata = document["metadata"]
    if selector.startswith("metadata.name="):
        return bool(metadata["name"] == selector.removeprefix("metadata.name="))
    wanted = dict(term.split("=") for term in selector.split(","))
    return wanted.items() <= (metadata.get("labels") or {}).items()


def api_over(http: FakeHttp, timing: Timing = QUICK) -> Api:
    return Api(http, CONTEXT, timing)
