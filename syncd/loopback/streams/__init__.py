"""The streams of a Pod: exec, attach, log and port-forward, as real servers speak them."""

from syncd.loopback.streams.exec import serve_attach, serve_exec
from syncd.loopback.streams.log import serve_log
from syncd.loopback.streams.portforward import serve_portforward


__all__ = ["serve_attach", "serve_exec", "serve_log", "serve_portforward"]
