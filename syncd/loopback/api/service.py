"""The API as a whole: one request in, authenticated, authorized, answered."""

from collections.abc import Mapping

from aiohttp import web

from syncd.loopback import apierror
from syncd.loopback.access.identity import ANONYMOUS, Tokens, User
from syncd.loopback.access.rbac import Rbac
from syncd.loopback.access.reviews import impersonated, review
from syncd.loopback.api import plain
from syncd.loopback.api.call import Call
from syncd.loopback.api.negotiation import answer, read_body
from syncd.loopback.api.request import parse
from syncd.loopback.api.subresources import Stream, Subresources
from syncd.loopback.api.verbs import Verbs
from syncd.loopback.apierror import ApiError
from syncd.loopback.faults import Faults
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.registry import Registry


class Service:
    """Serves the API over aiohttp.

    Args:
        registry: The objects.
        rbac: Who may do what.
        tokens: Whose token is whose.
        faults: What goes wrong on purpose.
        streams: What serves `exec`, `attach`, `portforward` and `log` of a Pod.
    """

    def __init__(
        self,
        registry: Registry,
        rbac: Rbac,
        tokens: Tokens,
        faults: Faults,
        streams: Mapping[str, Stream],
    ) -> None:
        self._registry = registry
        self._rbac = rbac
        self._tokens = tokens
        self._faults = faults
        deleter = Deleter(registry.store, registry.catalog)
        self._verbs = Verbs(registry, deleter, faults)
        self._subresources = Subresources(
            registry, self._verbs, deleter, rbac, tokens, streams
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request; every refusal becomes a Status."""
        target = parse(request.method, request.path, request.query)
        try:
            await self._faults.meet(target)
            user = self._authenticate(request)
            self._rbac.check(user, target.attributes)
            if not target.plural:
                return plain.answer_path(self._registry, request, user)
            resource = self._registry.catalog.at(
                target.group, target.version, target.plural
            )
            if resource is None:
                raise apierror.unknown_resource()
            return await self._serve(Call(request, target, resource, user))
        except ApiError as error:
            return answer(error.status(), error.code, error.headers)

    def _authenticate(self, request: web.Request) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return ANONYMOUS
        if scheme.lower() != "bearer":
            raise apierror.unauthorized()
        user = self._tokens.user(token.strip())
        if name := request.headers.get("Impersonate-User"):
            groups = request.headers.getall("Impersonate-Group", [])
            return impersonated(user, name, groups, self._rbac)
        return user

    async def _serve(self, call: Call) -> web.StreamResponse:
        if call.target.subresource:
            return await self._subresources.serve(call)
        if call.resource.stored:
            return await self._verbs.serve(call)
        if call.target.verb != "create":
            raise apierror.method_not_allowed()
        body = await read_body(call.request)
        kind = call.resource.kind
        return answer(review(kind, self._rbac, self._tokens, call.user, body), 201)
