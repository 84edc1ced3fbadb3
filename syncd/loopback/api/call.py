"""A request on its way through the API."""

from dataclasses import dataclass

from aiohttp import web

from syncd.loopback.access.identity import User
from syncd.loopback.api.request import Target, is_true
from syncd.loopback.catalog import Resource
from syncd.loopback.objects.place import Options, Place


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way through the API."""

    request: web.Request
    target: Target
    resource: Resource
    user: User

    @property
    def place(self) -> Place:
        """The object or collection that it is about."""
        # The path of a namespace names it twice over; it is in none.
        namespace = self.target.namespace if self.resource.namespaced else ""
        return Place(self.resource, namespace, self.target.name)

    @property
    def collection(self) -> Place:
        """All that is of its kind, in its namespace or everywhere."""
        return Place(self.resource, self.place.namespace)

    @property
    def options(self) -> Options:
        """How to write."""
        query = self.request.query
        agent = self.request.headers.get("User-Agent", "").partition("/")[0]
        return Options(
            query.get("fieldManager") or agent or "unknown",
            dry_run=query.get("dryRun") == "All",
            validation=query.get("fieldValidation", ""),
            force=is_true(query.get("force", "")),
        )
