from typing import Any

import pytest

from syncd.cluster.readiness import Probe, readiness


PORTS = [{"name": "http", "containerPort": 8080}, {"containerPort": 9000}]


def pod(probe: dict[str, Any] | None, **status: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "app", "ports": PORTS}
    if probe is not None:
        container["readinessProbe"] = probe
    other = {"name": "other", "readinessProbe": {"tcpSocket": {"port": 1}}}
    return {
        "spec": {"containers": [other, container]},
        "status": {"podIP": "10.42.0.7"} | status,
    }


@pytest.mark.parametrize(
    ("probe", "asked"),
    [
        pytest.param(
            {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 3},
            Probe(
                kind="http",
                host="10.42.0.7",
                port=8080,
                scheme="HTTP",
                path="/healthz",
                timeout_s=3.0,
            ),
            id="a port by its name",
        ),
        pytest.param(
            {
                "httpGet": {
                    "path": "healthz?deep=1",
                    "port": 443,
                    "scheme": "HTTPS",
                    "host": "127.0.0.1",
                    "httpHeaders": [{"name": "Host", "value": "app.test"}],
                }
            },
            Probe(
                kind="http",
                host="127.0.0.1",
                port=443,
                scheme="HTTPS",
                path="/healthz?deep=1",
                headers=(("Host", "app.test"),),
            ),
            id="over TLS, with headers",
        ),
        pytest.param(
            {"httpGet": {"port": "8081"}},
            Probe(kind="http", host="10.42.0.7", port=8081, scheme="HTTP", path="/"),
            id="a number in quotes",
        ),
        pytest.param(
            {"tcpSocket": {"port": "nobody"}},
            Probe(kind="tcp", host="10.42.0.7"),
            id="a name that no port has",
        ),
        pytest.param(
            {"exec": {"command": ["test", "-f", "/tmp/ready"]}},
            Probe(kind="exec", argv=("test", "-f", "/tmp/ready")),
            id="a command",
        ),
        pytest.param(
            {"grpc": {"port": 9000}}, Probe(kind="grpc", port=9000), id="over gRPC"
        ),
        pytest.param(None, None, id="no probe"),
    ],
)
def test_the_probe_is_that_of_the_container(
    probe: dict[str, Any] | None, asked: Probe | None
) -> None:
    assert readiness(pod(probe), "app") == asked


def test_a_sidecar_that_starts_before_the_rest_has_its_own() -> None:
    sidecar = {"name": "proxy", "readinessProbe": {"tcpSocket": {"port": 15021}}}
    document = pod(None)
    document["spec"]["initContainers"] = [sidecar]

    assert readiness(document, "proxy") == Probe(
        kind="tcp", host="10.42.0.7", port=15021
    )
