import pytest

from syncd.cluster.proxy import proxy_for, without_password
from syncd.errors import ConfigError


PROXY = "http://proxy.example:3128"
API = "https://api.example.com:6443"


def chosen(server: str, no_proxy: str = "", named: str = "") -> str | None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    return proxy_for(server, named, environ)


def test_without_variables_there_is_none() -> None:
    assert proxy_for(API, "", {}) is None


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_the_variable_may_be_in_either_case(name: str) -> None:
    assert proxy_for(API, "", {name: PROXY}) == PROXY


def test_plain_http_has_a_variable_of_its_own() -> None:
    environ = {"HTTPS_PROXY": "http://other", "HTTP_PROXY": PROXY}

    assert proxy_for("http://api.example.com", "", environ) == PROXY


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:6443",
        "https://localhost:6443",
        "https://k3d.localhost:6443",
        "https://0.0.0.0:6443",
        "https://[::1]:6443",
    ],
)
def test_this_machine_is_never_asked_of_a_proxy(server: str) -> None:
    assert chosen(server) is None


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        (API, "*"),
        (API, "api.example.com"),
        (API, "example.com"),
        (API, ".example.com"),
        (API, "*.example.com"),
        (API, "API.EXAMPLE.COM"),
        (API, "other, api.example.com:6443"),
        ("https://10.1.2.3:6443", "10.0.0.0/8"),
        ("https://10.1.2.3:6443", "10.1.2.3"),
        ("https://10.1.2.3:6443", "10.1.2.3:6443"),
        ("https://[fd00::1]:6443", "fd00::/8"),
        ("https://10.1.2.3", "10.1.2.3:443"),
    ],
)
def test_no_proxy_excepts(server: str, no_proxy: str) -> None:
    assert chosen(server, no_proxy) is None


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        (API, "api.example.com:443"),
        (API, "ample.com"),
        (API, "10.0.0.0/8"),
        (API, " , "),
        ("https://example.com", ".example.com"),
        ("https://11.1.2.3:6443", "10.0.0.0/8"),
    ],
)
def test_no_proxy_excepts_nothing_else(server: str, no_proxy: str) -> None:
    assert chosen(server, no_proxy) == PROXY


def test_the_kubeconfigs_proxy_comes_before_all_else() -> None:
    named = "http://named:1"

    assert chosen("https://127.0.0.1:6443", "*", named) == named


def test_a_proxy_without_a_scheme_is_http() -> None:
    assert proxy_for(API, "proxy:3128", {}) == "http://proxy:3128"


def test_a_socks_proxy_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError) as refused:
        proxy_for(API, "socks5://me:secret@proxy:1080", {})

    assert "socks5://proxy:1080" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_password_is_left_out() -> None:
    assert without_password("http://a:b@c:1/d") == "http://c:1/d"
