"""`pods/portforward`."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from syncd.loopback.apierror import ApiError
from syncd.loopback.dialect import Dialect
from syncd.loopback.network.wire import mark
from syncd.loopback.node import Node
from syncd.loopback.streams import channels, upgrade
from syncd.loopback.streams.connection import Verbatim
from syncd.loopback.streams.forward import Forward
from syncd.loopback.streams.session import Session, Tunnel
from syncd.loopback.streams.spdy_forward import SpdyForward
from syncd.loopback.streams.upgrade import Refused


async def serve_portforward(
    request: web.Request, node: Node, pod: Mapping[str, Any], dialect: Dialect
) -> web.StreamResponse:
    """Connect the client to ports of `pod`.

    Raises:
        ApiError: If the request is refused before it gets to the node.
    """
    mark(request, "portforward")
    upgrade.check_bound(pod)
    ports = _ports(request)
    upgrade.check_upgrade(request)
    host = node.address(pod["metadata"]["uid"]) or ""
    try:
        forward = _forward(request, host, ports, dialect)
    except Refused as refusal:
        return refusal.response
    await forward.run()
    return Verbatim()


def _forward(
    request: web.Request, host: str, ports: list[int], dialect: Dialect
) -> Forward | SpdyForward:
    if upgrade.wants_spdy(request):
        return SpdyForward(upgrade.spdy(request, "portforward.k8s.io"), host)
    if not (dialect.modern and channels.TUNNEL.name in upgrade.offered(request)):
        _check_ports(ports)
    connection, protocol = upgrade.websocket(
        request, channels.Endpoint.PORT_FORWARD, dialect
    )
    if protocol is channels.TUNNEL:
        return SpdyForward(Session(Tunnel(connection)), host)
    return Forward(connection, protocol, host, ports)


def _ports(request: web.Request) -> list[int]:
    given = ",".join(request.query.getall("ports", []))
    found = []
    for word in given.split(",") if given else ():
        try:
            found.append(int(word))
        except ValueError:
            problem = f'strconv.ParseUint: parsing "{word}": invalid syntax'
            message = f"cannot convert to []int32: {problem}"
            raise ApiError(400, "BadRequest", message) from None
    return found


def _check_ports(ports: list[int]) -> None:
    if not ports:
        raise upgrade.plain(400, 'query parameter "port" is required')
    for port in ports:
        if port <= 0:
            raise upgrade.plain(400, f'port "{port}" must be > 0')
