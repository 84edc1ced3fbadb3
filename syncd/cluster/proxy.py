"""Which proxy leads to a server, by the rules of `kubectl`.

The `proxy-url` of a kubeconfig always holds. Else `HTTPS_PROXY` or `HTTP_PROXY`, unless
the server is this machine or stands in `NO_PROXY`. Unlike Python's own reading of that
variable, a network such as `10.0.0.0/8` counts; `0.0.0.0`, which k3d writes into a
kubeconfig for "this machine", is never asked of a proxy.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from syncd.errors import ConfigError


def proxy_for(server: str, named: str, environ: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for `server`, or None to go straight.

    Args:
        server: The address of the API.
        named: The kubeconfig's `proxy-url`, or "".
        environ: The environment.

    Raises:
        ConfigError: If the proxy is of a kind that cannot be used.
    """
    proxy = named or _from_environment(server, environ)
    if not proxy:
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if urlsplit(proxy).scheme not in {"http", "https"}:
        raise ConfigError(
            f"the proxy {without_password(proxy)} is of a kind that syncd cannot use",
            hint="use an http:// or https:// proxy, or NO_PROXY for the cluster",
        )
    return proxy


def _from_environment(server: str, environ: Mapping[str, str]) -> str:
    url = urlsplit(server)
    host = url.hostname or ""
    if _is_this_machine(host):
        return ""
    if _excepted(host, url.port or 443, _variable(environ, "NO_PROXY")):
        return ""
    return _variable(environ, f"{url.scheme.upper()}_PROXY")


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _excepted(host: str, port: int, no_proxy: str) -> bool:
    return any(
        _matches(host, port, entry.strip().lower()) for entry in no_proxy.split(",")
    )


def _matches(host: str, port: int, entry: str) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        name, colon, wanted = entry.rpartition(":")
        if colon and wanted.isdecimal():
            return int(wanted) == port and _matches(host, port, name)
        suffix = entry.removeprefix("*").lstrip(".")
        # ".example.com" leaves out the domain itself, "example.com" does not.
        is_it = host == suffix and not entry.startswith((".", "*"))
        return is_it or host.endswith(f".{suffix}")
    try:
        return ip_address(host) in network
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Return `url` with what stands before an @ in it left out."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
