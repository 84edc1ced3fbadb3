import pytest

from syncd.cluster.guard import check, is_local, product_of
from syncd.errors import Halted


LOOPBACK = "https://127.0.0.1:6443"
PUBLIC = "https://203.0.113.7:6443"


@pytest.mark.parametrize(
    ("context", "cluster", "server"),
    [
        ("k3d-dev", "k3d-dev", "https://0.0.0.0:41231"),
        ("k3d-dev", "k3d-dev", "https://host.docker.internal:6550"),
        ("kind-kind", "kind-kind", LOOPBACK),
        ("kind-ci", "kind-ci", "https://ci-control-plane:6443"),
        ("minikube", "minikube", "https://192.168.49.2:8443"),
        ("docker-desktop", "docker-desktop", "https://kubernetes.docker.internal:6443"),
        ("docker-for-desktop", "docker-for-desktop-cluster", "https://localhost:6443"),
        ("rancher-desktop", "rancher-desktop", LOOPBACK),
        ("orbstack", "orbstack", "https://k8s.orb.local:26443"),
        ("colima", "colima", LOOPBACK),
        ("colima-work", "colima-work", LOOPBACK),
        ("microk8s", "microk8s-cluster", "https://10.0.2.15:16443"),
        ("syncd-loopback", "syncd-loopback", "https://127.0.0.1:39999"),
        ("k3d-six", "k3d-six", "https://[::1]:6443"),
        ("k3d-lan", "k3d-lan", "https://[fd00::7]:6443"),
        ("k3d-mapped", "k3d-mapped", "https://[::ffff:127.0.0.1]:6443"),
    ],
)
def test_local_products_pass(context: str, cluster: str, server: str) -> None:
    check(context, cluster, server)


def test_a_renamed_context_of_a_local_cluster_passes() -> None:
    check("dev", "kind-kind", LOOPBACK)


def test_a_minikube_profile_passes_by_what_its_kubeconfig_says_of_it() -> None:
    check("shop", "shop", "https://192.168.49.2:8443", provider="minikube")


@pytest.mark.parametrize(
    ("context", "cluster", "server"),
    [
        ("prod", "prod", PUBLIC),
        ("prod", "prod", LOOPBACK),
        ("default", "default", LOOPBACK),
        ("in-cluster", "in-cluster", "https://10.96.0.1:443"),
        ("kind", "kind", LOOPBACK),
        ("my-kind-x", "my-kind-x", LOOPBACK),
        ("k3d-", "k3d-", LOOPBACK),
        ("minikubes", "minikubes", LOOPBACK),
        ("colimas", "colimas", LOOPBACK),
    ],
)
def test_other_names_are_refused_wherever_they_are(
    context: str, cluster: str, server: str
) -> None:
    with pytest.raises(Halted, match="not known to be a local development cluster"):
        check(context, cluster, server)


@pytest.mark.parametrize(
    "server",
    [
        PUBLIC,
        "https://[2001:db8::1]:6443",
        "https://api.example.com",
        "https://localhost.example.com:6443",
        "https://127.0.0.1.nip.io:6443",
        "https://k8s.orb.local.example.com",
        "https://100.64.0.1:6443",
        "https://192.0.2.1",
        "nonsense",
        "",
    ],
)
def test_a_local_name_with_a_server_elsewhere_is_refused(server: str) -> None:
    with pytest.raises(Halted, match="named like kind, but its server"):
        check("kind-x", "kind-x", server)


def test_an_allowed_context_passes() -> None:
    check("staging", "eks", PUBLIC, ["staging"])


@pytest.mark.parametrize("pattern", ["staging-*", "staging-eu", "*-eu", "staging-e?"])
def test_a_pattern_allows_what_it_matches(pattern: str) -> None:
    check("staging-eu", "eks", PUBLIC, [pattern])


@pytest.mark.parametrize(
    "pattern", ["*", "**", "?*", "", "Prod", "prod-*", "pro", "rod"]
)
def test_a_pattern_that_would_allow_everything_allows_nothing(pattern: str) -> None:
    with pytest.raises(Halted):
        check("prod", "prod", PUBLIC, [pattern])


def test_a_name_with_brackets_and_colons_is_allowed_as_it_stands() -> None:
    arn = "arn:aws:eks:eu-west-1:1234:cluster/shop[1]"

    check(arn, arn, PUBLIC, [arn])


def test_the_hint_is_the_line_to_write_with_what_stood_there_before() -> None:
    with pytest.raises(Halted) as halted:
        check("prod", "prod", PUBLIC, ["staging"])

    assert 'allow_contexts = ["staging", "prod"]' in halted.value.hint
    assert '"prod"' in str(halted.value)
    assert PUBLIC in str(halted.value)


def test_a_bare_host_name_is_local() -> None:
    assert is_local("https://k3d-dev-serverlb:6443")


def test_the_instance_is_part_of_the_product() -> None:
    found = product_of("k3d-dev")

    assert found is not None
    assert found[0].start.format(found[1]) == "k3d cluster start dev"
