"""The verbs of resources and objects: get, list, watch, create, update, patch, delete."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from syncd.loopback import apierror
from syncd.loopback.api.call import Call
from syncd.loopback.api.lists import list_objects, selection
from syncd.loopback.api.negotiation import answer, read_body, read_object
from syncd.loopback.api.rendering import Renderer
from syncd.loopback.api.watching import Watch, encode, parse_watch
from syncd.loopback.faults import Faults
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.place import Place, Written
from syncd.loopback.objects.registry import Registry


_OF_OBJECTS = frozenset({"get", "update", "patch", "delete"})


class Verbs:
    """Serves what is asked of a resource or of one of its objects."""

    def __init__(self, registry: Registry, deleter: Deleter, faults: Faults) -> None:
        self._registry = registry
        self._deleter = deleter
        self._faults = faults
        self._verbs: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
            "create": self._create,
            "delete": self._delete,
            "deletecollection": self._delete_all,
            "get": self.get,
            "list": self._list,
            "patch": self.patch,
            "update": self.update,
            "watch": self._watch,
        }

    async def serve(self, call: Call) -> web.StreamResponse:
        """Answer a request without a subresource.

        Raises:
            ApiError: As the real server would.
        """
        verb, named = call.target.verb, bool(call.target.name)
        if verb not in self._verbs or (verb in _OF_OBJECTS and not named):
            raise apierror.method_not_allowed()
        if verb == "create" and named:
            raise apierror.method_not_allowed()
        return await self._verbs[verb](call)

    async def get(self, call: Call) -> web.StreamResponse:
        """Answer with the object."""
        return self._renderer(call).one(self._registry.get(call.place))

    async def update(self, call: Call) -> web.StreamResponse:
        """Replace the object, or its status."""
        body = await read_object(call.request, call.resource)
        written = self._registry.update(
            call.place, body, call.options, call.target.subresource
        )
        return self._written(call, written)

    async def patch(self, call: Call) -> web.StreamResponse:
        """Patch the object, or its status."""
        data, kind = await call.request.read(), call.request.content_type
        written = self._registry.patch(
            call.place, data, kind, call.options, call.target.subresource
        )
        return self._written(call, written)

    def _renderer(self, call: Call) -> Renderer:
        return Renderer(call.resource, self._registry.dialect, call.request)

    async def _list(self, call: Call) -> web.StreamResponse:
        renderer = self._renderer(call)
        query = call.request.query
        place = call.collection
        found = await list_objects(
            self._registry.store,
            self._registry.dialect,
            selection(place, query),
            query,
        )
        return renderer.many(found)

    async def _watch(self, call: Call) -> web.StreamResponse:
        renderer = self._renderer(call)
        query, registry = call.request.query, self._registry
        place = call.collection
        wish = parse_watch(selection(place, query), query, registry.dialect)
        watch = Watch(registry.store, registry.dialect, wish)
        response = web.StreamResponse(headers={"Cache-Control": "no-cache, private"})
        response.content_type = "application/json"
        response.enable_chunked_encoding()
        await response.prepare(call.request)
        with self._faults.watching(watch):
            async for lines in watch.lines():
                if lines:
                    await response.write(encode(lines, renderer.in_watch))
        await response.write_eof()
        return response

    async def _create(self, call: Call) -> web.StreamResponse:
        if call.resource.namespaced and not call.target.namespace:
            raise apierror.method_not_allowed()
        body = await read_object(call.request, call.resource)
        written = self._registry.create(call.collection, body, call.options)
        return self._written(call, written)

    def _written(self, call: Call, written: Written) -> web.StreamResponse:
        response = self._renderer(call).one(
            written.obj, code=201 if written.created else 200
        )
        for warning in written.warnings:
            escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{escaped}"')
        return response

    async def _delete(self, call: Call) -> web.StreamResponse:
        options = await _delete_options(call.request)
        obj, gone = self._deleter.delete(call.place, options)
        if not gone or call.resource.kind == "Pod":
            return self._renderer(call).one(obj)
        details = {"name": call.target.name, "kind": call.resource.plural}
        if call.resource.group:
            details["group"] = call.resource.group
        details["uid"] = obj["metadata"]["uid"]
        return answer(apierror.success(details=details))

    async def _delete_all(self, call: Call) -> web.StreamResponse:
        options = await _delete_options(call.request)
        place = call.collection
        chosen = selection(place, call.request.query)
        found = [o for o in self._registry.store.all(call.resource) if chosen(o)]
        deleted = []
        for obj in found:
            metadata = obj["metadata"]
            one = Place(call.resource, metadata.get("namespace", ""), metadata["name"])
            deleted.append(self._deleter.delete(one, options)[0])
        version = str(self._registry.store.revision)
        return self._renderer(call).many(
            {
                "kind": f"{call.resource.kind}List",
                "apiVersion": call.resource.api_version,
                "metadata": {"resourceVersion": version},
                "items": deleted,
            }
        )


async def _delete_options(request: web.Request) -> dict[str, Any]:
    """The options of a delete; a body makes the server ignore the query."""
    if body := await read_body(request):
        return body
    query = request.query
    options: dict[str, Any] = {}
    if query.get("gracePeriodSeconds"):
        options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    if query.get("propagationPolicy"):
        options["propagationPolicy"] = query["propagationPolicy"]
    if query.get("dryRun"):
        options["dryRun"] = [query["dryRun"]]
    return options
