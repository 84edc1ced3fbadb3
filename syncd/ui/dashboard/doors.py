"""Who may see the page: whoever has the link, once, and then that browser. Pure.

Every user of this machine can reach 127.0.0.1, and so can every page that a browser of
this user has open. So the link has a token that is good for one visit; what a browser
shows from then on is a cookie that no other site can have sent with its requests, and
no script can read. A page that has its own name point to 127.0.0.1 (DNS rebinding) is
known by the `Host` that its requests name.
"""

import hmac
import secrets


class Doors:
    """Lets in, or refuses.

    Attributes:
        port: Where the page is served.
        token: What the link bears.
        cookie: The name of the cookie. Browsers send it to every port of a host, so the
            name has the port in it.
        key: Its value.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = secrets.token_urlsafe(32)
        self.cookie = f"syncd-{port}"
        self.key = secrets.token_urlsafe(32)
        self._used = False
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    def knows(self, host: str) -> bool:
        """Tell whether a request names this server, and no other."""
        return host in self._hosts

    def lets_in(self, key: str) -> bool:
        """Tell whether a browser has been let in already."""
        return _same(key, self.key)

    def redeem(self, token: str) -> bool:
        """Tell whether a token is the link's, and let it be good no more."""
        if self._used or not _same(token, self.token):
            return False
        self._used = True
        return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
