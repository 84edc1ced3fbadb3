"""A whole cluster in this process: `async with Loopback() as cluster:`."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import yaml

from syncd.loopback.access.identity import ADMIN
from syncd.loopback.apierror import bad_request
from syncd.loopback.assembly import Plane, assemble
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import REAL, Dialect, Pace
from syncd.loopback.faults import Faults
from syncd.loopback.image import Image
from syncd.loopback.node import Isolation, Node
from syncd.loopback.objects.patching import APPLY_PATCH
from syncd.loopback.objects.place import Options, Place
from syncd.loopback.readiness import is_ready, why_not
from syncd.loopback.store import Object, Store


CONTEXT = "syncd-loopback"
_MANAGER = "syncd-loopback"
_STOP_S = 10.0
T = TypeVar("T")
Manifest = Mapping[str, Any] | str


class Loopback:
    """An embedded cluster; it lives as long as the `async with` around it.

    Args:
        folder: Where containers and the kubeconfig are; a temporary one if None, which
            is gone afterwards.
        images: What Pods can run; more can be put into `images` at any time.
        dialect: Which Kubernetes to behave like.
        pace: How long the node takes over things.
        isolation: `none` for Pods without namespaces, even where they work.

    Attributes:
        images: By name, as the node sees them.
        store: The objects, to look at.
        node: What runs the Pods, with its own faults.
        faults: What can go wrong, to switch on.
        token: The administrator's.
    """

    store: Store
    node: Node
    faults: Faults
    token: str

    def __init__(
        self,
        folder: Path | None = None,
        images: Iterable[Image] = (),
        *,
        dialect: Dialect = Dialect.V1_36,
        pace: Pace = REAL,
        isolation: Isolation = "auto",
    ) -> None:
        self.dialect = dialect
        self.images = {image.name: image for image in images}
        self._wanted_folder = folder
        self._pace = pace
        self._isolation: Isolation = isolation
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._running())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    @property
    def url(self) -> str:
        """The address of the API."""
        return self._plane.server.url

    @property
    def kubeconfig(self) -> Path:
        """The file for `KUBECONFIG`; its only context is `syncd-loopback`."""
        return self.folder / "kubeconfig"

    def account_token(self, namespace: str, name: str, *, ttl_s: float = 3600) -> str:
        """A token of a service account."""
        return self._plane.tokens.issue(namespace, name, ttl_s=ttl_s)[0]

    def renew_token(self) -> None:
        """Issue a new administrator's token, into the kubeconfig too."""
        self.token = self._plane.tokens.issue_admin()
        self._write_kubeconfig()

    async def apply(self, manifest: Manifest, *, namespace: str = "default") -> None:
        """Server-side apply one object, or every document of a YAML text.

        Raises:
            ApiError: As a client would get it.
        """
        documents = (
            yaml.safe_load_all(manifest) if isinstance(manifest, str) else [manifest]
        )
        for document in filter(None, documents):
            self._apply(dict(document), namespace)

    def get(self, name: str, *, namespace: str = "default") -> Object | None:
        """The object of a name such as `deployment/web`, or None."""
        resource, name = self._resource(name)
        return self.store.get(resource, namespace if resource.namespaced else "", name)

    def all(self, plural: str, *, namespace: str = "default") -> list[Object]:
        """The objects of a resource in a namespace."""
        return self.store.all(self._plane.registry.catalog.named(plural), namespace)

    def delete(
        self, name: str, *, namespace: str = "default", grace_s: int | None = None
    ) -> None:
        """Delete the object of a name such as `pod/web-0`.

        Raises:
            ApiError: 404.
        """
        resource, name = self._resource(name)
        place = Place(resource, namespace if resource.namespaced else "", name)
        options = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        self._plane.context.deleter.delete(place, options)

    async def ready(
        self, name: str, *, namespace: str = "default", timeout_s: float = 30
    ) -> Object:
        """Wait until `deployment/…`, `statefulset/…` or `pod/…` is ready; return it.

        Raises:
            TimeoutError: If it is not in time; says what the Pods say.
        """

        def look() -> Object | None:
            found = self.get(name, namespace=namespace)
            return found if found is not None and is_ready(found) else None

        try:
            return await self.until(look, timeout_s=timeout_s)
        except TimeoutError as exc:
            pods = self.all("pods", namespace=namespace)
            raise TimeoutError(f"{name} is not ready: {why_not(pods)}") from exc

    async def until(self, look: Callable[[], T | None], *, timeout_s: float = 30) -> T:
        """Wait until `look`, asked after every write, finds something; return it.

        Raises:
            TimeoutError: If it does not in time.
        """
        with anyio.fail_after(timeout_s):
            while not (found := look()):
                await self.store.changed(self.store.revision)
            return found

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self._wanted_folder is None:
                folder = tempfile.TemporaryDirectory(prefix="syncd-loopback-")
                self.folder = Path(stack.enter_context(folder))
            else:
                self.folder = self._wanted_folder
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            plane = assemble(
                self.folder, self.images, self.dialect, self._pace, self._isolation
            )
            self._plane = plane
            self.store, self.node, self.faults = plane.store, plane.node, plane.faults
            stack.push_async_callback(_close, plane)
            await plane.server.start()
            plane.furnish()
            self.renew_token()
            # A task of its own, since fixtures are left in another task than they
            # were entered in, which no task group survives.
            running = asyncio.create_task(plane.run())
            try:
                await plane.ready()
                yield
            finally:
                running.cancel()
                with anyio.move_on_after(_STOP_S, shield=True):
                    await asyncio.wait([running])
            if not running.cancelled() and (failure := running.exception()):
                raise failure

    def _apply(self, document: dict[str, Any], namespace: str) -> None:
        registry = self._plane.registry
        resource = registry.catalog.of_kind(document["apiVersion"], document["kind"])
        if resource is None:
            raise bad_request(f"{document['kind']} is not served")
        metadata = document["metadata"]
        where = metadata.get("namespace", namespace) if resource.namespaced else ""
        place = Place(resource, where, metadata["name"])
        data = json.dumps(document).encode()
        registry.patch(place, data, APPLY_PATCH, Options(_MANAGER, force=True))
        if resource.kind == "Namespace":
            self._plane.namespaces.furnish(place.name)

    def _resource(self, name: str) -> tuple[Resource, str]:
        kind, _, rest = name.partition("/")
        for resource in self._plane.registry.catalog:
            if kind in {resource.singular, resource.plural, *resource.short}:
                return resource, rest
        raise LookupError(f"no resource is called {kind}")

    def _write_kubeconfig(self) -> None:
        authority = base64.b64encode(self._plane.authority_pem).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "contexts": [
                {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": ADMIN}}
            ],
            "users": [{"name": ADMIN, "user": {"token": self.token}}],
        }
        # Written aside and renamed: a client that reads now sees one or the other.
        fresh = self.kubeconfig.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(yaml.safe_dump(config))
        fresh.replace(self.kubeconfig)


async def _close(plane: Plane) -> None:
    with anyio.move_on_after(_STOP_S, shield=True):
        await plane.server.close()
