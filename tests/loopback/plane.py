"""An API server and controllers over a node that only says what a node would say."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import anyio
from aiohttp import web
from yarl import URL

from syncd.loopback.access.identity import Tokens
from syncd.loopback.access.rbac import Rbac
from syncd.loopback.access.tls import make_identity
from syncd.loopback.api.service import Service
from syncd.loopback.assembly import controllers
from syncd.loopback.catalog import catalog
from syncd.loopback.controllers.collector import Namespaces
from syncd.loopback.controllers.context import Context
from syncd.loopback.controllers.loop import run
from syncd.loopback.controllers.nodes import NodeSync
from syncd.loopback.controllers.recorder import Recorder
from syncd.loopback.dialect import Dialect
from syncd.loopback.faults import Faults
from syncd.loopback.furniture import furnish
from syncd.loopback.link import Link
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.registry import Registry
from syncd.loopback.server import Server
from syncd.loopback.store import Object, Store, now


class PaperNode:
    """A node without processes: each Pod runs at once, and stops when it is told.

    Attributes:
        runs: Whether containers start by themselves.
        ready: Whether they become ready by themselves.
        lingers: Whether Pods that are told to stop wait for `end`.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.pods: dict[str, Object] = {}
        self.statuses: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()
        self.runs = True
        self.ready = True
        self.lingers = False
        self.changed: Callable[[str], None] = lambda _: None

    def start(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        self.pods[uid] = pod
        self._set(uid, "Pending", {"waiting": {"reason": "ContainerCreating"}})
        if self.runs:
            self.run(uid)

    def run(self, uid: str) -> None:
        self._set(uid, "Running", _RUNNING)
        if self.ready:
            self.make_ready(uid)

    def make_ready(self, uid: str) -> None:
        self._set(uid, "Running", _RUNNING, ready=True)

    def fail(self, uid: str) -> None:
        """Let the Pod end by itself, badly."""
        ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
        self._set(uid, "Failed", ended)

    def stop(self, uid: str, grace_s: float) -> None:
        if not grace_s or not self.lingers:
            self.end(uid)
            self.remove(uid)

    def end(self, uid: str) -> None:
        """Let the containers end, as TERM makes them."""
        ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
        self._set(uid, "Succeeded" if self._dialect.modern else "Running", ended)

    def remove(self, uid: str) -> None:
        """Let nothing be left of a Pod."""
        self.ended.add(uid)
        self.changed(uid)

    def status(self, uid: str) -> dict[str, Any]:
        return self.statuses[uid]

    def gone(self, uid: str) -> bool:
        return uid in self.ended

    def forget(self, uid: str) -> None:
        self.pods.pop(uid, None)
        self.statuses.pop(uid, None)

    def _set(
        self, uid: str, phase: str, state: dict[str, Any], *, ready: bool = False
    ) -> None:
        if uid not in self.pods:
            return
        spec = self.pods[uid]["spec"]
        holds = "True" if ready else "False"
        self.statuses[uid] = {
            "phase": phase,
            "podIP": "" if phase == "Pending" else f"10.42.0.{len(self.pods)}",
            "conditions": [
                {"type": kind, "status": status, "lastTransitionTime": now()}
                for kind, status in (
                    ("Initialized", "True"),
                    ("Ready", holds),
                    ("ContainersReady", holds),
                    ("PodScheduled", "True"),
                )
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "ready": ready,
                    "restartCount": 0,
                    "state": state,
                    "lastState": {},
                }
                for container in spec["containers"]
            ],
        }
        self.changed(uid)


_RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


@dataclass
class Plane:
    """The parts, for tests to look at and to turn."""

    context: Context
    rbac: Rbac
    tokens: Tokens
    faults: Faults
    node: PaperNode
    server: Server
    authority_pem: bytes

    @property
    def store(self) -> Store:
        return self.context.store

    def all(self, plural: str, namespace: str = "") -> list[Object]:
        return self.store.all(self.context.catalog.named(plural), namespace)

    def get(self, plural: str, name: str, namespace: str = "default") -> Object:
        found = self.store.get(self.context.catalog.named(plural), namespace, name)
        assert found is not None, f"no {plural} {name}"
        return found

    def create(self, obj: dict[str, Any], namespace: str = "default") -> Object:
        """Create an object as a client would, by its kind."""
        resource = self.context.catalog.of_kind(obj["apiVersion"], obj["kind"])
        assert resource is not None
        metadata = dict(obj["metadata"])
        if resource.namespaced:
            metadata.setdefault("namespace", namespace)
        return self.context.create(resource, {**obj, "metadata": metadata})

    @asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator["Client"]:
        """An HTTPS client with the administrator's token, or another; "" for none."""
        context = ssl.create_default_context(cadata=self.authority_pem.decode())
        token = self.tokens.issue_admin() if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(
            self.server.url,
            headers=headers,
            connector=connector,
            skip_auto_headers=["User-Agent"],
        ) as session:
            yield Client(session)

    async def until(self, look: Callable[[], Any], timeout_s: float = 5) -> Any:
        with anyio.fail_after(timeout_s):
            while not (found := look()):
                await self.store.changed(self.store.revision)
            return found


@dataclass(frozen=True)
class Answer:
    """What came back."""

    code: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Client:
    """Sends one request at a time."""

    session: aiohttp.ClientSession

    async def send(
        self, method: str, path: str, body: Any = None, kind: str = "", **headers: str
    ) -> Answer:
        """Send a request; a body that is no text goes as JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", kind or "application/json")
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        url = URL(path, encoded=True)
        async with self.session.request(method, url, data=data, headers=sent) as got:
            return Answer(got.status, got.headers, await got.text())


async def _reached(request: web.Request, pod: Object) -> web.StreamResponse:
    """In place of a stream: it says that the request came through."""
    return web.Response(status=299, text=pod["metadata"]["name"])


@asynccontextmanager
async def running(
    folder: Path, dialect: Dialect = Dialect.V1_36, *, serving: bool = True
) -> AsyncIterator[Plane]:
    """Run a plane: with its HTTPS server, or with the controllers alone."""
    identity = make_identity(folder)
    served, store = catalog(dialect), Store()
    registry = Registry(store, served, dialect)
    context = Context(registry, Deleter(store, served), Recorder(store, served))
    accounts = served.named("serviceaccounts")

    def account_uid(namespace: str, name: str) -> str | None:
        account = store.get(accounts, namespace, name)
        return account["metadata"]["uid"] if account else None

    node = PaperNode(dialect)
    sync = NodeSync(context, node)
    node.changed = sync.changed
    namespaces = Namespaces(context, "PEM")
    rbac, tokens, link = Rbac(store, served), Tokens(account_uid), Link()
    faults = Faults(store, tokens, link)
    names = ("attach", "exec", "log", "portforward")
    streams = dict.fromkeys(names, _reached)
    service = Service(registry, rbac, tokens, faults, streams)
    server = Server(service.handle, identity.context, link)
    faults.server = server
    plane = Plane(context, rbac, tokens, faults, node, server, identity.authority_pem)
    if serving:
        await server.start()
    furnish(context, rbac, namespaces, server.port)
    loops = [*controllers(context), sync, namespaces]
    tasks = [asyncio.create_task(run(store, loop)) for loop in loops]
    try:
        yield plane
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
    assert {type(result) for result in results} == {asyncio.CancelledError}
