"""The parts of a cluster, put together: API server, controllers, node."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from aiohttp import web

from syncd.loopback.access.identity import Tokens
from syncd.loopback.access.rbac import Rbac
from syncd.loopback.access.tls import make_identity
from syncd.loopback.api.service import Service
from syncd.loopback.api.subresources import Stream
from syncd.loopback.catalog import catalog
from syncd.loopback.controllers.collector import Collector, Namespaces
from syncd.loopback.controllers.context import Context
from syncd.loopback.controllers.deployments import Deployments
from syncd.loopback.controllers.endpoints import Endpoints
from syncd.loopback.controllers.loop import Controller, run
from syncd.loopback.controllers.nodes import NodeSync
from syncd.loopback.controllers.recorder import Recorder
from syncd.loopback.controllers.replicasets import ReplicaSets
from syncd.loopback.controllers.scheduler import Scheduler
from syncd.loopback.controllers.statefulsets import StatefulSets
from syncd.loopback.dialect import Dialect, Pace
from syncd.loopback.faults import Faults
from syncd.loopback.furniture import furnish
from syncd.loopback.image import Image
from syncd.loopback.link import Link
from syncd.loopback.node import Isolation, Node
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.registry import Registry
from syncd.loopback.server import Server
from syncd.loopback.store import Object, Store
from syncd.loopback.streams import (
    serve_attach,
    serve_exec,
    serve_log,
    serve_portforward,
)


@dataclass(frozen=True, slots=True)
class Plane:
    """The parts of one cluster."""

    store: Store
    registry: Registry
    rbac: Rbac
    tokens: Tokens
    faults: Faults
    context: Context
    namespaces: Namespaces
    node: Node
    controllers: tuple[Controller, ...]
    server: Server
    authority_pem: bytes

    def furnish(self) -> None:
        """Create what a cluster is born with; the server must listen."""
        furnish(self.context, self.rbac, self.namespaces, self.server.port)

    async def ready(self) -> None:
        """Wait until Pods can be started; `run` must have been."""
        await self.node.ready()

    async def run(self) -> None:
        """Run the controllers and the node until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.node.run)
            for controller in self.controllers:
                group.start_soon(run, self.store, controller)


def assemble(
    folder: Path,
    images: dict[str, Image],
    dialect: Dialect,
    pace: Pace,
    isolation: Isolation,
) -> Plane:
    """Put a cluster together; nothing runs yet."""
    identity = make_identity(folder)
    served, store = catalog(dialect), Store()
    registry = Registry(store, served, dialect)
    context = Context(registry, Deleter(store, served), Recorder(store, served))
    accounts = served.named("serviceaccounts")

    def account_uid(namespace: str, name: str) -> str | None:
        account = store.get(accounts, namespace, name)
        return account["metadata"]["uid"] if account else None

    def lookup(plural: str, namespace: str, name: str) -> Object | None:
        return store.get(served.named(plural), namespace, name)

    # The node and what writes down its reports know each other.
    def changed(uid: str) -> None:
        sync.changed(uid)

    def say(
        uid: str, kind: str, reason: str, message: str, container: str | None
    ) -> None:
        sync.say(uid, kind, reason, message, container)

    node = Node(
        folder / "node",
        images,
        dialect=dialect,
        pace=pace,
        changed=changed,
        event=say,
        lookup=lookup,
        isolation=isolation,
    )
    sync = NodeSync(context, node)
    namespaces = Namespaces(context, identity.authority_pem.decode())
    rbac, tokens, link = Rbac(store, served), Tokens(account_uid), Link()
    faults = Faults(store, tokens, link)
    service = Service(registry, rbac, tokens, faults, _streams(node, dialect))
    faults.server = Server(service.handle, identity.context, link)
    return Plane(
        store=store,
        registry=registry,
        rbac=rbac,
        tokens=tokens,
        faults=faults,
        context=context,
        namespaces=namespaces,
        node=node,
        controllers=(*controllers(context), sync, namespaces),
        server=faults.server,
        authority_pem=identity.authority_pem,
    )


def controllers(context: Context) -> tuple[Controller, ...]:
    """Those that need nothing but the objects."""
    return (
        Scheduler(context),
        ReplicaSets(context),
        Deployments(context),
        StatefulSets(context),
        Endpoints(context),
        Collector(context),
    )


def _streams(node: Node, dialect: Dialect) -> dict[str, Stream]:
    serve: dict[str, Callable[..., Any]] = {
        "attach": serve_attach,
        "exec": serve_exec,
        "log": serve_log,
        "portforward": serve_portforward,
    }

    async def stream(
        name: str, request: web.Request, pod: Object
    ) -> web.StreamResponse:
        response: web.StreamResponse = await serve[name](request, node, pod, dialect)
        return response

    return {name: partial(stream, name) for name in serve}
