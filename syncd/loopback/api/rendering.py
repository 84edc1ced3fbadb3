"""Objects in the form that a client asked for: as they are, as tables, as metadata."""

from typing import Any

from aiohttp import web

from syncd.loopback.api.negotiation import Form, accepted, answer, as_metadata
from syncd.loopback.api.table import as_table
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.store import Object


class Renderer:
    """Renders the objects of one resource for one request.

    Raises:
        ApiError: 406 if the client takes nothing that is served.
    """

    def __init__(
        self, resource: Resource, dialect: Dialect, request: web.Request
    ) -> None:
        self._kind = resource.kind
        self._accepted = accepted(request.headers.get("Accept", ""), dialect)
        self._include = request.query.get("includeObject", "")
        self._headed = False

    def one(self, obj: Object, code: int = 200) -> web.Response:
        """An answer with one object."""
        return answer(self._shape(obj, head=True), code)

    def many(self, found: dict[str, Any]) -> web.Response:
        """An answer with a list."""
        if self._accepted.form is not Form.OBJECT:
            return answer(self._shape(found, head=True))
        # The elements of a typed list do not repeat what the list says.
        items = [
            {k: v for k, v in obj.items() if k not in {"kind", "apiVersion"}}
            for obj in found["items"]
        ]
        return answer({**found, "items": items})

    def in_watch(self, obj: Object) -> dict[str, Any]:
        """An object as part of a watch; only the first table names the columns."""
        bookmark = "name" not in obj["metadata"]
        if bookmark and self._accepted.form is Form.TABLE:
            return {
                "kind": "Table",
                "apiVersion": f"meta.k8s.io/{self._accepted.version}",
                "metadata": obj["metadata"],
                "columnDefinitions": [],
                "rows": [],
            }
        head, self._headed = not self._headed, True
        return self._shape(obj, head=head)

    def _shape(self, value: dict[str, Any], *, head: bool) -> dict[str, Any]:
        version = self._accepted.version
        match self._accepted.form:
            case Form.OBJECT:
                return value
            case Form.TABLE:
                return as_table(
                    self._kind, value, version, include=self._include, head=head
                )
            case Form.METADATA:
                return as_metadata(value, version)
