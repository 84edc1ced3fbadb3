"""Bodies that kubectl 1.32 sent, byte for byte."""

import base64
from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.loopback.api.protobuf import decode
from syncd.loopback.apierror import ApiError


CAN_I = (
    "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPwoQ"
    "CgASABoAIgAqADIAOABCABIhCh8KA2FwcBIGY3JlYXRlGgAiACoEcG9kczIAOgRleGVjGggIABIAGgAg"
    "ABoAIgA="
)
TOKEN = (
    "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIaChAKABIAGgAiACoA"
    "MgA4AEIAEgAaBAoAEgAaACIA"
)
DEPLOYMENT = (
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EsABCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBID"
    "d2ViEo4BCAISDAoKCgNhcHASA3dlYhp0ChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElQSNgoD"
    "d2ViEgV3ZWI6MRoFc2xlZXAaATEqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoA"
    "UgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA=="
)
SECRET = "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA="
LABELS = {"app": "web"}


@pytest.mark.parametrize(
    ("body", "obj"),
    [
        pytest.param(
            CAN_I,
            {
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": {
                    "resourceAttributes": {
                        "namespace": "app",
                        "verb": "create",
                        "resource": "pods",
                        "name": "exec",
                    }
                },
            },
            id="auth can-i create pods/exec",
        ),
        pytest.param(
            TOKEN,
            {
                "kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {},
                "spec": {},
            },
            id="create token",
        ),
        pytest.param(
            SECRET,
            {
                "kind": "Secret",
                "apiVersion": "v1",
                "metadata": {"name": "s"},
                "data": {"a": "Yg=="},
            },
            id="create secret",
        ),
        pytest.param(
            DEPLOYMENT,
            {
                "kind": "Deployment",
                "apiVersion": "apps/v1",
                "metadata": {"name": "web", "labels": LABELS},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": LABELS},
                    "template": {
                        "metadata": {"labels": LABELS},
                        "spec": {
                            "containers": [
                                {
                                    "name": "web",
                                    "image": "web:1",
                                    "command": ["sleep", "1"],
                                    "ports": [{"containerPort": 80}],
                                    "resources": {},
                                }
                            ]
                        },
                    },
                    "strategy": {},
                },
            },
            id="create deployment",
        ),
    ],
)
def test_what_kubectl_sends_is_read(body: str, obj: dict[str, Any]) -> None:
    assert decode(base64.b64decode(body)) == obj


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        pytest.param(b"Secret", b"Secreb", id="kind"),
        pytest.param(b"\x12\x06\x0a\x01a", b"\x7a\x06\x0a\x01a", id="field 15"),
    ],
)
def test_what_is_not_known_is_refused_and_not_dropped(
    known: bytes, unknown: bytes
) -> None:
    with pytest.raises(ApiError) as refused:
        decode(base64.b64decode(SECRET).replace(known, unknown))

    assert refused.value.code == 415


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for body in (data, b"k8s\x00" + data, base64.b64decode(DEPLOYMENT)[:60] + data):
        with pytest.raises(ApiError):
            decode(body)
