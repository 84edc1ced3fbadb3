"""What can follow the name of an object: status, scale, eviction, token, streams."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from aiohttp import web

from syncd.loopback import apierror
from syncd.loopback.access import reviews
from syncd.loopback.access.identity import Tokens
from syncd.loopback.access.rbac import Rbac, refused
from syncd.loopback.api import scale
from syncd.loopback.api.call import Call
from syncd.loopback.api.eviction import evict
from syncd.loopback.api.negotiation import answer, read_body
from syncd.loopback.api.verbs import Verbs
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.registry import Registry
from syncd.loopback.store import Object


Stream = Callable[[web.Request, Object], Awaitable[web.StreamResponse]]
Handler = Callable[[Call], Awaitable[web.StreamResponse]]
_UPGRADED = frozenset({"attach", "exec", "portforward"})


class Subresources:
    """Serves what is asked of a part of an object.

    Args:
        registry: The objects.
        verbs: Serves `status`, which is read and written as an object is.
        deleter: Takes out what is evicted.
        rbac: Asked again about WebSockets.
        tokens: Makes the tokens of service accounts.
        streams: What serves `exec`, `attach`, `portforward` and `log` of a Pod.
    """

    def __init__(
        self,
        registry: Registry,
        verbs: Verbs,
        deleter: Deleter,
        rbac: Rbac,
        tokens: Tokens,
        streams: Mapping[str, Stream],
    ) -> None:
        self._registry = registry
        self._deleter = deleter
        self._rbac = rbac
        self._tokens = tokens
        self._streams = streams
        self._handlers: dict[tuple[str, str], Handler] = {
            ("eviction", "create"): self._evict,
            ("log", "get"): self._stream,
            ("scale", "get"): self._scale,
            ("scale", "patch"): self._scale,
            ("scale", "update"): self._scale,
            ("status", "get"): verbs.get,
            ("status", "patch"): verbs.patch,
            ("status", "update"): verbs.update,
            ("token", "create"): self._token,
        }
        for name in _UPGRADED:
            self._handlers[name, "get"] = self._stream
            self._handlers[name, "create"] = self._stream

    async def serve(self, call: Call) -> web.StreamResponse:
        """Answer a request for a subresource.

        Raises:
            ApiError: As the real server would.
        """
        name = call.target.subresource
        if name not in call.resource.subresources:
            raise apierror.unknown_resource()
        handler = self._handlers.get((name, call.target.verb))
        if handler is None:
            raise apierror.method_not_allowed()
        return await handler(call)

    async def _evict(self, call: Call) -> web.StreamResponse:
        body = await read_body(call.request)
        return answer(evict(self._registry, self._deleter, call.place, body), 201)

    async def _token(self, call: Call) -> web.StreamResponse:
        body = await read_body(call.request)
        token = reviews.token_request(self._registry, self._tokens, call.place, body)
        return answer(token, 201)

    async def _stream(self, call: Call) -> web.StreamResponse:
        name = call.target.subresource
        upgraded = call.target.verb == "get" and name in _UPGRADED
        if upgraded and self._registry.dialect.modern:
            # Since 1.35 a WebSocket needs the right to create as well; the refusal
            # gives no reason.
            wanted = replace(call.target.attributes, verb="create")
            if not self._rbac.decide(call.user, wanted).allowed:
                raise refused(wanted, "")
        pod = self._registry.get(call.place)
        return await self._streams[name](call.request, pod)

    async def _scale(self, call: Call) -> web.StreamResponse:
        registry, place = self._registry, call.place
        if call.target.verb == "get":
            return answer(scale.read(registry.get(place)))
        if call.target.verb == "update":
            body = await read_body(call.request)
            return answer(scale.write(registry, place, body, call.options))
        data, kind = await call.request.read(), call.request.content_type
        return answer(scale.patch(registry, place, data, kind, call.options))
