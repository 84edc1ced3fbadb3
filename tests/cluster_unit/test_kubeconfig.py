from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from syncd.cluster import kubeconfig
from syncd.cluster.kubeconfig import IN_CLUSTER, Context, in_cluster, load, paths
from syncd.errors import ConfigError


def write(path: Path, **sections: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(sections))
    return path


def named(kind: str, name: str, **section: Any) -> dict[str, Any]:
    return {"name": name, kind: section}


def whole(path: Path, name: str, current: str | None = None, **user: Any) -> Path:
    sections = {} if current is None else {"current-context": current}
    return write(
        path,
        **sections,
        clusters=[named("cluster", name, server=f"https://{name}:6443/")],
        users=[named("user", name, **user)],
        contexts=[named("context", name, cluster=name, user=name)],
    )


def test_the_current_context_is_taken(tmp_path: Path) -> None:
    path = whole(tmp_path / "config", "dev", "dev", token="t")

    context = load(path, environ={})

    assert (context.name, context.cluster_name, context.user_name) == ("dev",) * 3
    assert context.server == "https://dev:6443"
    assert context.namespace == "default"
    assert context.user == {"token": "t"}


def test_a_named_context_comes_before_the_current_one(tmp_path: Path) -> None:
    a = whole(tmp_path / "a", "a", "a")
    b = whole(tmp_path / "b", "b")

    context = load(None, "b", {"KUBECONFIG": f"{a}:{b}"})

    assert context.name == "b"


def test_of_several_files_the_first_to_name_a_thing_wins(tmp_path: Path) -> None:
    # The last one would win if the library merged them.
    first = whole(tmp_path / "first", "dev", "dev", token="1")
    last = whole(tmp_path / "last", "dev", "other", token="2")

    context = load(None, None, {"KUBECONFIG": f"{first}:{last}"})

    assert context.name == "dev"
    assert context.user == {"token": "1"}


def test_an_empty_current_context_is_none(tmp_path: Path) -> None:
    first = whole(tmp_path / "first", "a", "")
    last = whole(tmp_path / "last", "b", "b")

    assert load(None, None, {"KUBECONFIG": f"{first}:{last}"}).name == "b"


def test_files_of_a_list_that_do_not_exist_are_passed_over(tmp_path: Path) -> None:
    there = whole(tmp_path / "there", "dev", "dev")
    environ = {"KUBECONFIG": f"::{tmp_path / 'gone'}:{there}:{there}"}

    assert load(None, None, environ).name == "dev"


def test_an_empty_file_is_an_empty_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    there = whole(tmp_path / "there", "dev", "dev")

    assert load(None, None, {"KUBECONFIG": f"{tmp_path / 'empty'}:{there}"}).name


def test_the_home_folder_is_looked_in_last(tmp_path: Path) -> None:
    whole(tmp_path / ".kube" / "config", "dev", "dev")

    assert load(None, None, {"HOME": str(tmp_path)}).name == "dev"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    assert paths(Path("~/x"), {}) == [Path("/home/somebody/x")]


def test_the_home_of_a_user_who_does_not_exist_is_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="looked at ~nobody-at-all/x"):
        load(Path("~nobody-at-all/x"), None, {})
    with pytest.raises(ConfigError, match="looked at ~nobody-at-all/x"):
        load(None, None, {"KUBECONFIG": "~nobody-at-all/x"})


def test_no_kubeconfig_at_all_names_what_was_looked_at(tmp_path: Path) -> None:
    environ = {"KUBECONFIG": f"{tmp_path}/a:{tmp_path}/b", "HOME": str(tmp_path)}

    with pytest.raises(ConfigError) as missing:
        load(None, None, environ)

    assert f"{tmp_path}/a, {tmp_path}/b" in str(missing.value)
    assert "syncd demo" in missing.value.hint


def test_a_named_kubeconfig_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"looked at .*/gone"):
        load(tmp_path / "gone", None, {})


def test_a_file_in_a_closed_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", closed)
    monkeypatch.setattr(Path, "read_bytes", closed)

    with pytest.raises(ConfigError, match=r"cannot read .*/config: Permission denied"):
        load(tmp_path / "config", None, {})


def test_a_missing_context_lists_those_that_exist(tmp_path: Path) -> None:
    a, b = whole(tmp_path / "a", "a"), whole(tmp_path / "b", "b")

    with pytest.raises(ConfigError, match=r'no context "prod" in .*; there are: a, b'):
        load(None, "prod", {"KUBECONFIG": f"{a}:{b}"})


def test_no_current_context_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no current context; there are: a"):
        load(whole(tmp_path / "a", "a"), None, {})


@pytest.mark.parametrize("missing", ["cluster", "user"])
def test_a_context_whose_parts_are_missing_is_refused(
    tmp_path: Path, missing: str
) -> None:
    path = whole(tmp_path / "a", "a", "a")
    content = yaml.safe_load(path.read_text())
    content[f"{missing}s"] = None
    path.write_text(yaml.safe_dump(content))

    with pytest.raises(ConfigError, match=f'names the {missing} "a", which is missing'):
        load(path, None, {})


@pytest.mark.parametrize(
    "server", [None, "", "dev:6443", "https://", "https://dev:port", "ftp://dev", 6443]
)
def test_a_server_that_is_no_address_is_refused(tmp_path: Path, server: Any) -> None:
    path = write(
        tmp_path / "c",
        clusters=[named("cluster", "c", server=server)],
        contexts=[named("context", "dev", cluster="c")],
    )

    with pytest.raises(ConfigError, match=r'cluster "c" .* no server that is an addr'):
        load(path, "dev", {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "is not YAML, line 1"),
        (b"\xff\xfe\xfd", "is not YAML"),
        (b"- a\n- b\n", "is not a kubeconfig"),
        (b"plain", "is not a kubeconfig"),
    ],
)
def test_what_is_no_kubeconfig_is_named(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=said):
        load(path, None, {})


@pytest.mark.parametrize("section", ["x", {"a": 1}, [1, None], [{"context": 1}], None])
def test_sections_of_another_shape_hold_nothing(tmp_path: Path, section: Any) -> None:
    path = write(tmp_path / "c", contexts=section, clusters=section, users=section)

    with pytest.raises(ConfigError):
        load(path, "dev", {})


def test_paths_are_seen_from_their_own_file(tmp_path: Path) -> None:
    a = write(
        tmp_path / "one" / "config",
        **{"current-context": "dev"},
        clusters=[
            named(
                "cluster",
                "c",
                server="https://s",
                **{"certificate-authority": "ca.pem"},
            )
        ],
        contexts=[named("context", "dev", cluster="c", user="u")],
    )
    b = write(
        tmp_path / "two" / "config",
        users=[named("user", "u", tokenFile="t", **{"client-key": "/abs/key"})],
    )

    context = load(None, None, {"KUBECONFIG": f"{a}:{b}"})

    assert context.cluster["certificate-authority"] == f"{tmp_path}/one/ca.pem"
    assert context.user["tokenFile"] == f"{tmp_path}/two/t"
    assert context.user["client-key"] == "/abs/key"


@pytest.mark.parametrize(
    ("command", "seen"),
    [("aws", "aws"), ("./bin/auth", "{}/bin/auth"), ("/opt/auth", "/opt/auth")],
)
def test_a_plugin_with_a_slash_is_seen_from_its_file(
    tmp_path: Path, command: str, seen: str
) -> None:
    path = whole(tmp_path / "c", "dev", "dev", exec={"command": command})

    plugin = load(path, None, {}).user["exec"]

    assert plugin["command"] == seen.format(tmp_path)


def test_empty_values_count_as_missing(tmp_path: Path) -> None:
    path = whole(tmp_path / "c", "dev", "dev", token="", username=None, password="x")

    assert load(path, None, {}).user == {"password": "x"}


def test_the_contexts_namespace_is_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        clusters=[named("cluster", "c", server="https://s")],
        contexts=[named("context", "dev", cluster="c", namespace="shop")],
    )

    assert load(path, "dev", {}).namespace == "shop"


def test_a_context_without_a_user_is_nobody(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c",
        clusters=[named("cluster", "c", server="https://s")],
        contexts=[named("context", "dev", cluster="c")],
    )

    assert load(path, "dev", {}).user == {}


def test_minikube_signs_its_clusters(tmp_path: Path) -> None:
    extension = {"name": "x", "extension": {"provider": "minikube.sigs.k8s.io"}}
    path = write(
        tmp_path / "c",
        clusters=[named("cluster", "shop", server="https://s", extensions=[extension])],
        contexts=[named("context", "shop", cluster="shop")],
    )

    assert load(path, "shop", {}).provider == "minikube"


def test_a_context_is_printed_without_its_secrets(tmp_path: Path) -> None:
    context = load(whole(tmp_path / "c", "dev", "dev", token="secret"), None, {})

    assert "secret" not in repr(context)


class TestInCluster:
    ENVIRON: ClassVar = {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }

    def test_the_account_of_the_pod_is_a_context(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("t")
        (tmp_path / "namespace").write_text("shop\n")

        context = in_cluster(self.ENVIRON, tmp_path)

        assert context is not None
        assert context.name == IN_CLUSTER
        assert context.server == "https://10.96.0.1:443"
        assert context.namespace == "shop"
        assert context.user == {"tokenFile": f"{tmp_path}/token"}

    def test_an_ipv6_address_is_bracketed(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text("t")

        context = in_cluster(
            self.ENVIRON | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path
        )

        assert context is not None
        assert context.server == "https://[fd00::1]:443"
        assert context.namespace == "default"

    def test_it_is_taken_without_a_kubeconfig_and_without_another_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inside = Context(IN_CLUSTER, IN_CLUSTER, "", "", {}, {}, "")
        monkeypatch.setattr(kubeconfig, "in_cluster", lambda _: inside)
        environ = {"KUBECONFIG": str(tmp_path / "gone")}

        assert load(None, None, environ) is inside
        assert load(None, IN_CLUSTER, environ) is inside
        with pytest.raises(ConfigError, match="no kubeconfig found"):
            load(None, "prod", environ)
        with pytest.raises(ConfigError, match="no kubeconfig found"):
            load(tmp_path / "gone", None, environ)

    @pytest.mark.parametrize("environ", [{}, ENVIRON])
    def test_elsewhere_there_is_none(
        self, tmp_path: Path, environ: dict[str, str]
    ) -> None:
        assert in_cluster(environ, tmp_path) is None
