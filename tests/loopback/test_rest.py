"""What the API answers when nothing is wrong."""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from syncd.loopback.api import openapi, openapi_protobuf
from syncd.loopback.dialect import Dialect
from tests.loopback.manifests import account, binding, config, deployment, pod, role
from tests.loopback.plane import Client, Plane, running


CORE = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@pytest.fixture(params=Dialect, ids=str)
async def plane(request: Any, tmp_path: Path) -> AsyncIterator[Plane]:
    async with running(tmp_path, request.param) as plane:
        yield plane


@pytest.fixture
async def modern(tmp_path: Path) -> AsyncIterator[Plane]:
    async with running(tmp_path) as plane:
        yield plane


@pytest.fixture
async def client(modern: Plane) -> AsyncIterator[Client]:
    async with modern.client() as client:
        yield client


async def make(client: Client, obj: dict[str, Any]) -> dict[str, Any]:
    where = APPS if obj["apiVersion"] == "apps/v1" else CORE
    answer = await client.send("POST", f"{where}/{obj['kind'].lower()}s", obj)
    assert answer.code == 201, answer.text
    created: dict[str, Any] = answer.json
    return created


async def test_an_object_lives_through_all_its_verbs(client: Client) -> None:
    created = await make(client, config(a="1"))
    path = f"{CORE}/configmaps/c1"
    read = (await client.send("GET", path)).json
    read["data"] = {"a": "2"}
    replaced = (await client.send("PUT", path, read)).json
    patch = {"data": {"b": "3"}}
    patched = (await client.send("PATCH", path, patch, STRATEGIC)).json
    deleted = (await client.send("DELETE", path)).json
    gone = await client.send("GET", path)

    assert created["metadata"]["uid"] == patched["metadata"]["uid"]
    assert replaced["data"] == {"a": "2"}
    assert patched["data"] == {"a": "2", "b": "3"}
    assert deleted["status"] == "Success"
    assert deleted["details"]["uid"] == created["metadata"]["uid"]
    assert gone.code == 404


async def test_generation_counts_changes_of_the_spec_only(client: Client) -> None:
    await make(client, deployment())
    path = f"{APPS}/deployments/web"
    generations = [
        (await client.send("PATCH", path, patch, STRATEGIC)).json["metadata"][
            "generation"
        ]
        for patch in (
            {"metadata": {"labels": {"x": "y"}}},
            {"spec": {"replicas": 2}},
            {"spec": {"replicas": 2}},
            {"status": {"replicas": 9}},
        )
    ]

    assert generations == [1, 2, 2, 2]


async def test_a_dry_run_changes_nothing(client: Client) -> None:
    created = await client.send("POST", f"{CORE}/configmaps?dryRun=All", config())
    listed = await client.send("GET", f"{CORE}/configmaps")

    assert created.code == 201
    assert "resourceVersion" not in created.json["metadata"]
    assert [o["metadata"]["name"] for o in listed.json["items"]] == ["kube-root-ca.crt"]


async def test_a_dry_run_of_a_delete_counts_in_the_body_only(client: Client) -> None:
    options = {"kind": "DeleteOptions", "apiVersion": "v1"}
    for name in ("kept", "gone"):
        await make(client, config(name))
    dry = {**options, "dryRun": ["All"]}
    await client.send("DELETE", f"{CORE}/configmaps/kept", dry)
    await client.send("DELETE", f"{CORE}/configmaps/gone?dryRun=All", options)

    assert (await client.send("GET", f"{CORE}/configmaps/kept")).code == 200
    assert (await client.send("GET", f"{CORE}/configmaps/gone")).code == 404


async def test_a_list_comes_in_pages_of_one_moment(client: Client) -> None:
    for name in "abcd":
        await make(client, config(name))
    first = (await client.send("GET", f"{CORE}/configmaps?limit=2")).json
    await client.send("DELETE", f"{CORE}/configmaps/c")
    await make(client, config("e"))
    token = first["metadata"]["continue"]
    second = (
        await client.send("GET", f"{CORE}/configmaps?limit=9&continue={token}")
    ).json

    assert [o["metadata"]["name"] for o in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    assert [o["metadata"]["name"] for o in second["items"]] == [
        "c",
        "d",
        "kube-root-ca.crt",
    ]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_page_that_is_too_old_expires_in_one_dialect_only(
    plane: Plane,
) -> None:
    async with plane.client() as client:
        for name in "abc":
            await make(client, config(name))
        first = (await client.send("GET", f"{CORE}/configmaps?limit=2")).json
        await make(client, config("d"))
        plane.faults.compact()
        token = first["metadata"]["continue"]
        again = await client.send("GET", f"{CORE}/configmaps?continue={token}")

    modern = plane.context.dialect.modern
    assert again.code == (200 if modern else 410)
    assert modern or again.json["metadata"]["continue"]


async def test_selectors_choose(client: Client) -> None:
    for name, tier in (("a", "web"), ("b", "db")):
        obj = config(name)
        obj["metadata"]["labels"] = {"tier": tier}
        await make(client, obj)
    by_label = await client.send("GET", f"{CORE}/configmaps?labelSelector=tier%3Ddb")
    by_name = await client.send(
        "GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Da"
    )

    assert [o["metadata"]["name"] for o in by_label.json["items"]] == ["b"]
    assert [o["metadata"]["name"] for o in by_name.json["items"]] == ["a"]


async def test_a_collection_is_deleted_by_selector(client: Client) -> None:
    for name in "ab":
        obj = config(name)
        obj["metadata"]["labels"] = {"name": name}
        await make(client, obj)
    answer = await client.send("DELETE", f"{CORE}/configmaps?labelSelector=name%3Da")

    assert [o["metadata"]["name"] for o in answer.json["items"]] == ["a"]
    assert (await client.send("GET", f"{CORE}/configmaps/b")).code == 200


async def test_a_table_has_the_columns_of_kubectl(
    modern: Plane, client: Client
) -> None:
    await make(client, pod())
    await modern.until(
        lambda: modern.get("pods", "box")["status"]["phase"] == "Running"
    )
    table = (await client.send("GET", f"{CORE}/pods", Accept=TABLE)).json

    assert table["kind"] == "Table"
    assert [c["name"] for c in table["columnDefinitions"] if not c["priority"]] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    (row,) = table["rows"]
    assert row["cells"][:4] == ["box", "1/1", "Running", "0"]
    assert row["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("include", "kind"), [("Object", "Pod"), ("Metadata", "PartialObjectMetadata")]
)
async def test_a_table_embeds_what_is_asked_for(
    client: Client, include: str, kind: str
) -> None:
    await make(client, pod())
    path = f"{CORE}/pods?includeObject={include}"
    table = (await client.send("GET", path, Accept=TABLE)).json

    assert table["rows"][0]["object"]["kind"] == kind


async def test_metadata_alone_can_be_had(client: Client) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    await make(client, config(a="1"))
    listed = (await client.send("GET", f"{CORE}/configmaps", Accept=accept)).json

    assert listed["kind"] == "PartialObjectMetadataList"
    assert {frozenset(item) for item in listed["items"]} == {
        frozenset({"kind", "apiVersion", "metadata"})
    }


async def test_every_kind_can_be_printed(plane: Plane) -> None:
    plane.create(deployment())
    plane.create(deployment("db") | {"kind": "StatefulSet"})
    service = {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    plane.create(service)
    await plane.until(lambda: plane.get("deployments", "web")["status"].get("replicas"))
    stored = [r for r in plane.context.catalog if r.stored]
    async with plane.client() as client:
        answers = [
            await client.send("GET", f"{r.prefix}/{r.plural}", Accept=TABLE)
            for r in stored
        ]

    assert {a.code for a in answers} == {200}
    for table in (answer.json for answer in answers):
        widths = {len(row["cells"]) for row in table["rows"]}
        assert widths <= {len(table["columnDefinitions"])}


async def test_discovery_says_the_same_plainly_and_at_once(client: Client) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    plain = (await client.send("GET", "/apis/apps/v1")).json["resources"]
    answer = await client.send("GET", "/apis", Accept=accept)
    (apps,) = (g for g in answer.json["items"] if g["metadata"].get("name") == "apps")
    found = apps["versions"][0]["resources"]

    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    assert {r["resource"] for r in found} == {
        r["name"] for r in plain if "/" not in r["name"]
    }
    assert {
        f"{r['resource']}/{s['subresource']}"
        for r in found
        for s in r.get("subresources", ())
    } == {r["name"] for r in plain if "/" in r["name"]}


async def test_the_old_dialect_knows_no_aggregated_discovery(tmp_path: Path) -> None:
    accept = (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
        "application/json"
    )
    async with running(tmp_path, Dialect.V1_20) as plane, plane.client() as client:
        answer = await client.send("GET", "/apis", Accept=accept)
        version = await client.send("GET", "/version")
        third = await client.send("GET", "/openapi/v3")

    assert answer.json["kind"] == "APIGroupList"
    assert version.json["gitVersion"] == "v1.20.2+syncd"
    assert third.code == 404


async def test_what_openapi_describes_is_what_is_served(client: Client) -> None:
    index = (await client.send("GET", "/openapi/v3")).json["paths"]
    apps = index["apis/apps/v1"]["serverRelativeURL"]
    schemas = (await client.send("GET", apps)).json["components"]["schemas"]
    containers = schemas["io.k8s.V1PodSpec"]["properties"]["containers"]

    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert schemas["io.k8s.V1Deployment"]["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "version": "v1", "kind": "Deployment"}
    ]


def test_the_swagger_of_protobuf_names_every_definition() -> None:
    document = openapi.version_2(Dialect.V1_20)
    data = openapi_protobuf.encode(document)

    assert all(name.encode() in data for name in document["definitions"])


async def test_scale_is_read_and_written_apart(client: Client) -> None:
    await make(client, deployment())
    path = f"{APPS}/deployments/web/scale"
    before = (await client.send("GET", path)).json
    after = (
        await client.send(
            "PATCH", path, {"spec": {"replicas": 3}}, "application/merge-patch+json"
        )
    ).json
    stale = await client.send("PUT", path, {**before, "spec": {"replicas": 4}})
    read = await client.send("GET", f"{APPS}/deployments/web")

    assert before["kind"] == "Scale"
    assert before["status"]["selector"] == "app=web"
    assert after["spec"] == {"replicas": 3}
    assert stale.code == 409
    assert read.json["spec"]["replicas"] == 3


async def test_status_is_written_apart(client: Client) -> None:
    await make(client, pod())
    path = f"{CORE}/pods/box/status"
    patch = {"spec": {"hostname": "no"}, "status": {"message": "yes"}}
    obj = (await client.send("PATCH", path, patch, STRATEGIC)).json

    assert obj["status"]["message"] == "yes"
    assert "hostname" not in obj["spec"]


async def test_server_side_apply_creates_and_then_owns(client: Client) -> None:
    path = f"{CORE}/configmaps/c1?fieldManager=one"
    body = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c1}\ndata: {a: '1'}\n"
    created = await client.send("PATCH", path, body, APPLY)
    emptied = await client.send("PATCH", path, body.replace("a: '1'", ""), APPLY)

    assert (created.code, emptied.code) == (201, 200)
    (owner,) = created.json["metadata"]["managedFields"]
    assert (owner["manager"], owner["operation"]) == ("one", "Apply")
    assert owner["fieldsV1"] == {"f:data": {"f:a": {}}}
    assert "data" not in emptied.json


async def test_a_client_side_writer_is_named_by_its_agent(client: Client) -> None:
    answer = await client.send(
        "POST", f"{CORE}/configmaps", config(a="1"), User_Agent="kubectl/v1.32 (linux)"
    )

    (owner,) = answer.json["metadata"]["managedFields"]
    assert (owner["manager"], owner["operation"]) == ("kubectl", "Update")


async def test_a_service_account_token_opens_what_its_roles_allow(
    modern: Plane, client: Client
) -> None:
    for obj in (account("bob"), role("r", ["list"], "pods"), binding("r", "bob")):
        modern.create(obj)
    request = {"spec": {"expirationSeconds": 600}}
    answer = await client.send("POST", f"{CORE}/serviceaccounts/bob/token", request)
    async with modern.client(answer.json["status"]["token"]) as bob:
        pods = await bob.send("GET", f"{CORE}/pods")
        secrets = await bob.send("GET", f"{CORE}/secrets")
        review = {"spec": {"namespace": "default"}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        rules = await bob.send("POST", path, review)

    assert (pods.code, secrets.code) == (200, 403)
    granted = {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}
    assert granted in rules.json["status"]["resourceRules"]


async def test_an_administrator_can_act_as_another(
    modern: Plane, client: Client
) -> None:
    modern.create(account("bob"))
    who = {"Impersonate-User": "system:serviceaccount:default:bob"}
    refused = await client.send("GET", f"{CORE}/pods", **who)
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    whoami = await client.send("POST", path, {}, **who)

    assert 'User "system:serviceaccount:default:bob"' in refused.json["message"]
    assert (
        "system:serviceaccounts:default" in whoami.json["status"]["userInfo"]["groups"]
    )


async def test_tokens_can_be_asked_about(modern: Plane, client: Client) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    good = {"spec": {"token": modern.tokens.issue_admin()}}
    known = (await client.send("POST", path, good)).json["status"]
    unknown = (await client.send("POST", path, {"spec": {"token": "x"}})).json["status"]

    assert known["authenticated"] is True
    assert unknown["authenticated"] is False


async def test_an_eviction_that_no_budget_forbids_deletes(client: Client) -> None:
    await make(client, pod())
    answer = await client.send("POST", f"{CORE}/pods/box/eviction", {})

    assert (answer.code, answer.json["status"]) == (201, "Success")


async def test_finalizers_hold_an_object_until_they_are_gone(client: Client) -> None:
    obj = config()
    obj["metadata"]["finalizers"] = ["example.com/wait"]
    await make(client, obj)
    path = f"{CORE}/configmaps/c1"
    held = (await client.send("DELETE", path)).json
    patch = [{"op": "remove", "path": "/metadata/finalizers"}]
    await client.send("PATCH", path, patch, "application/json-patch+json")

    assert "deletionTimestamp" in held["metadata"]
    assert (await client.send("GET", path)).code == 404


async def test_a_body_beyond_the_limit_is_refused(client: Client) -> None:
    body = json.dumps(config(a="x" * 4_000_000)).encode()
    async with client.session.post(f"{CORE}/configmaps", data=BytesIO(body)) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("body", "kind", "code", "message"),
    [
        ("kind: ConfigMap\nmetadata: {name: y}\n", "application/yaml", 201, ""),
        ("{a: [", "application/yaml", 400, "error converting YAML to JSON"),
        ("[]", "application/json", 400, "is not an object"),
        ("[]", "application/yaml", 400, "is not an object"),
        ("{x}", "application/json", 400, "invalid character 'x'"),
        ("<a/>", "application/xml", 415, "Unsupported Media Type"),
        ('{"metadata": []}', "application/json", 400, "cannot unmarshal array"),
        ('{"kind": "Nonsense"}', "application/json", 400, "no kind"),
        (
            '{"metadata": {"name": "x", "namespace": "other"}}',
            "application/json",
            400,
            "the namespace of the provided object does not match",
        ),
        (
            '{"metadata": {"name": "x", "resourceVersion": "1"}}',
            "application/json",
            400,
            "resourceVersion should not be set on objects to be created",
        ),
        ('{"metadata": {"generateName": "x-"}}', "application/json", 201, '"name":"x-'),
    ],
)
async def test_a_body_is_taken_or_refused(
    client: Client, body: str, kind: str, code: int, message: str
) -> None:
    answer = await client.send("POST", f"{CORE}/configmaps", body, kind)

    assert (answer.code, message in answer.text) == (code, True)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/v1/pods", 405),
        ("POST", f"{CORE}/pods/box", 405),
        ("PATCH", f"{CORE}/pods", 405),
        ("PUT", f"{CORE}/pods/box/log", 405),
        ("GET", f"{CORE}/pods/box/nosuch", 404),
        ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews", 405),
        ("DELETE", "/version", 405),
        ("GET", "/apis/nosuch", 404),
        ("GET", "/openapi/v3/apis/nosuch/v1", 404),
        ("GET", "/livez", 200),
        ("GET", "/", 200),
        ("GET", "/api", 200),
        ("GET", "/api/v1", 200),
        ("GET", "/apis/apps", 200),
        ("GET", "/openapi/v2", 200),
        ("GET", f"{CORE}/pods?continue=nonsense", 400),
    ],
)
async def test_paths_and_methods_answer(
    client: Client, method: str, path: str, code: int
) -> None:
    assert (await client.send(method, path)).code == code


async def test_what_is_no_bearer_token_is_no_login(modern: Plane) -> None:
    async with modern.client("") as nobody:
        answer = await nobody.send("GET", f"{CORE}/pods", Authorization="Basic eDp5")

    assert answer.code == 401


async def test_a_service_keeps_the_address_it_got(client: Client) -> None:
    ports = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    obj = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}}
    created = await client.send("POST", f"{CORE}/services", {**obj, "spec": ports})
    replaced = await client.send("PUT", f"{CORE}/services/web", {**obj, "spec": ports})

    assert created.json["spec"]["clusterIP"].startswith("10.43.")
    assert replaced.json["spec"]["clusterIP"] == created.json["spec"]["clusterIP"]


async def test_a_secret_is_kept_encoded(client: Client) -> None:
    secret = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "s"},
        "stringData": {"password": "hunter2"},
    }
    created = (await client.send("POST", f"{CORE}/secrets", secret)).json

    assert created["data"] == {"password": "aHVudGVyMg=="}
    assert created["type"] == "Opaque"
    assert "stringData" not in created
