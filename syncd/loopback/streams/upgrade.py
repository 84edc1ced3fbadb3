"""From an HTTP request to a stream: who is let in, in which protocol, and who is not."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from syncd.loopback.apierror import ApiError
from syncd.loopback.dialect import Dialect
from syncd.loopback.streams.channels import Endpoint, Protocol, choose
from syncd.loopback.streams.connection import Connection, Verbatim, head, take_over
from syncd.loopback.streams.frames import accept_key
from syncd.loopback.streams.session import Session


class Refused(Exception):
    """The request gets this response."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__()
        self.response = response


def container_of(pod: Mapping[str, Any], name: str | None) -> str:
    """Return which container of a Pod is meant.

    Raises:
        ApiError: If none is named and there are several, or there is none of the name.
    """
    spec, pod_name = pod["spec"], pod["metadata"]["name"]
    names = [container["name"] for container in spec["containers"]]
    every = names + [container["name"] for container in spec.get("initContainers", ())]
    if not name and len(names) > 1:
        one_of = f"a container name must be specified for pod {pod_name}, choose one of"
        listed = f"[{' '.join(names)}]"
        if spec.get("initContainers"):
            init = " ".join(every[len(names) :])
            listed += f" or one of the init containers: [{init}]"
        raise _bad_request(f"{one_of}: {listed}")
    if not name:
        return str(names[0])
    if name not in every:
        raise _bad_request(f"container {name} is not valid for pod {pod_name}")
    return name


def check_bound(pod: Mapping[str, Any]) -> None:
    """Refuse a Pod that is on no node.

    Raises:
        ApiError: If it is not.
    """
    if not pod["spec"].get("nodeName"):
        name = pod["metadata"]["name"]
        raise _bad_request(f"pod {name} does not have a host assigned")


def check_upgrade(request: web.Request) -> None:
    """Refuse a request that does not ask for another protocol.

    Raises:
        ApiError: If it does not.
    """
    asked = ",".join(request.headers.getall("Connection", [])).lower()
    if "upgrade" not in asked:
        raise _bad_request("Upgrade request required")


def _bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def wants_spdy(request: web.Request) -> bool:
    """Whether the older way to multiplex is asked for."""
    return request.headers.get("Upgrade", "").lower() == "spdy/3.1"


def offered(request: web.Request) -> list[str]:
    """Return the subprotocols that a client offers."""
    offers = ",".join(request.headers.getall("Sec-WebSocket-Protocol", []))
    return [name.strip() for name in offers.split(",") if name.strip()]


def websocket(
    request: web.Request, endpoint: Endpoint, dialect: Dialect
) -> tuple[Connection, Protocol]:
    """Shake hands.

    Raises:
        Refused: If the client is not let in, with the very bytes that say so.
    """
    if request.method != "GET":
        raise Refused(_closing("405 Method Not Allowed", "bad method"))
    key = request.headers.get("Sec-WebSocket-Key", "")
    if request.headers.get("Upgrade", "").lower() != "websocket" or not key:
        raise Refused(_closing("400 Bad Request", "not websocket protocol"))
    if request.headers.get("Sec-WebSocket-Version") != "13":
        text = "missing or bad WebSocket Version"
        version = {"Connection": "close", "Sec-Websocket-Version": "13"}
        refusal = head("400 Bad Request", version, text)
        raise Refused(Verbatim(refusal, status=400))
    protocol = choose(offered(request), endpoint, dialect)
    if protocol is None:
        raise Refused(_closing("403 Forbidden", ""))
    connection = take_over(request)
    welcome = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(key),
        "Sec-WebSocket-Protocol": protocol.name,
    }
    connection.write(head("101 Switching Protocols", welcome))
    return connection, protocol


def spdy(request: web.Request, known: str) -> Session:
    """Shake hands for SPDY.

    Args:
        request: From the client.
        known: The one stream protocol that is spoken.

    Raises:
        Refused: If the client does not offer that.
    """
    offers = ",".join(request.headers.getall("X-Stream-Protocol-Version", []))
    if known not in (name.strip() for name in offers.split(",")):
        raise Refused(_closing("403 Forbidden", ""))
    connection = take_over(request)
    welcome = {
        "Connection": "Upgrade",
        "Upgrade": "SPDY/3.1",
        "X-Stream-Protocol-Version": known,
    }
    connection.write(head("101 Switching Protocols", welcome))
    return Session(connection)


def _closing(status: str, text: str) -> Verbatim:
    answer = head(status, {"Connection": "close"}, text)
    return Verbatim(answer, status=int(status[:3]))


def plain(status: int, text: str) -> Refused:
    """The kubelet's own refusals: text, no `Status`."""
    return Refused(web.Response(status=status, text=text))
