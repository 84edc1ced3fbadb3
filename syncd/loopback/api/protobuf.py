"""Bodies in Kubernetes' protobuf, which kubectl sends where it uses typed clients.

`kubectl auth can-i`, `create token`, `create deployment` and the like leave no choice:
they send protobuf and take JSON back. The messages below are those; a field that is not
among them is refused rather than dropped, since half an object is worse than none.
Numbers are those of the `generated.proto` files of Kubernetes.
"""

import base64
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from syncd.loopback.apierror import bad_request, unsupported_media_type


MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

# number name, then: nothing string, # number (0 is absent), #! number, ? bool,
# [] strings, [T] messages, (T) message, {} map of strings, {b} map of bytes,
# - not wanted.
_MESSAGES = {
    "ObjectMeta": "1 name, 2 generateName, 3 namespace, 4 selfLink-, 5 uid, "
    "6 resourceVersion, 7 generation-, 8 creationTimestamp-, 11 labels{}, "
    "12 annotations{}, 14 finalizers[], 17 managedFields-",
    "Preconditions": "1 uid, 2 resourceVersion",
    "DeleteOptions": "1 gracePeriodSeconds#!, 2 preconditions(Preconditions), "
    "3 orphanDependents?, 4 propagationPolicy, 5 dryRun[]",
    "Eviction": "1 metadata(ObjectMeta), 2 deleteOptions(DeleteOptions)",
    "ResourceAttributes": "1 namespace, 2 verb, 3 group, 4 version, 5 resource, "
    "6 subresource, 7 name",
    "NonResourceAttributes": "1 path, 2 verb",
    "SelfSubjectAccessReview": "1 metadata(ObjectMeta), 2 spec(AccessSpec), 3 status-",
    "SubjectAccessReview": "1 metadata(ObjectMeta), 2 spec(AccessSpec), 3 status-",
    "AccessSpec": "1 resourceAttributes(ResourceAttributes), "
    "2 nonResourceAttributes(NonResourceAttributes), 3 user, 4 groups[], 6 uid",
    "SelfSubjectRulesReview": "1 metadata(ObjectMeta), 2 spec(RulesSpec), 3 status-",
    "RulesSpec": "1 namespace",
    "SelfSubjectReview": "1 metadata(ObjectMeta), 2 status-",
    "TokenReview": "1 metadata(ObjectMeta), 2 spec(TokenReviewSpec), 3 status-",
    "TokenReviewSpec": "1 token, 2 audiences[]",
    "TokenRequest": "1 metadata(ObjectMeta), 2 spec(TokenRequestSpec), 3 status-",
    "TokenRequestSpec": "1 audiences[], 4 expirationSeconds#",
    "Namespace": "1 metadata(ObjectMeta), 2 spec-, 3 status-",
    "ConfigMap": "1 metadata(ObjectMeta), 2 data{}, 3 binaryData{b}, 4 immutable?",
    "Secret": "1 metadata(ObjectMeta), 2 data{b}, 3 type, 4 stringData{}, 5 immutable?",
    "ServiceAccount": "1 metadata(ObjectMeta)",
    "PolicyRule": "1 verbs[], 2 apiGroups[], 3 resources[], 4 resourceNames[], "
    "5 nonResourceURLs[]",
    "Role": "1 metadata(ObjectMeta), 2 rules[PolicyRule]",
    "ClusterRole": "1 metadata(ObjectMeta), 2 rules[PolicyRule]",
    "Subject": "1 kind, 2 apiGroup, 3 name, 4 namespace",
    "RoleRef": "1 apiGroup, 2 kind, 3 name",
    "RoleBinding": "1 metadata(ObjectMeta), 2 subjects[Subject], 3 roleRef(RoleRef)",
    "ClusterRoleBinding": "1 metadata(ObjectMeta), 2 subjects[Subject], "
    "3 roleRef(RoleRef)",
    "LabelSelector": "1 matchLabels{}",
    "Deployment": "1 metadata(ObjectMeta), 2 spec(DeploymentSpec), 3 status-",
    "DeploymentSpec": "1 replicas#!, 2 selector(LabelSelector), "
    "3 template(PodTemplateSpec), 4 strategy(Strategy), 5 minReadySeconds#, "
    "6 revisionHistoryLimit#!, 7 paused?, 9 progressDeadlineSeconds#!",
    "Strategy": "1 type",
    "PodTemplateSpec": "1 metadata(ObjectMeta), 2 spec(PodSpec)",
    "PodSpec": "2 containers[Container], 3 restartPolicy, "
    "4 terminationGracePeriodSeconds#!, 6 dnsPolicy, 7 nodeSelector{}, "
    "8 serviceAccountName, 9 serviceAccount, 10 nodeName, 11 hostNetwork?, 12 hostPID?, "
    "13 hostIPC?, 16 hostname, 17 subdomain, 19 schedulerName, 24 priorityClassName",
    "Container": "1 name, 2 image, 3 command[], 4 args[], 5 workingDir, "
    "6 ports[ContainerPort], 7 env[EnvVar], 8 resources(Resources), "
    "13 terminationMessagePath, 14 imagePullPolicy, 16 stdin?, 17 stdinOnce?, 18 tty?, "
    "20 terminationMessagePolicy",
    "ContainerPort": "1 name, 2 hostPort#, 3 containerPort#, 4 protocol, 5 hostIP",
    "EnvVar": "1 name, 2 value",
    "Resources": "",
}
_FIELD = re.compile(r"(\d+) (\w+?)(#!?|\?|-|\[\w*\]|\(\w+\)|\{b?\}|)(?:, |$)")


@cache
def _fields(message: str) -> dict[int, tuple[str, str]]:
    found = _FIELD.findall(_MESSAGES[message])
    return {int(number): (name, kind) for number, name, kind in found}


def decode(data: bytes) -> dict[str, Any]:
    """The object in a body.

    Raises:
        ApiError: 400 if it is malformed, 415 if it has what is not known here.
    """
    if not data.startswith(_MAGIC):
        raise bad_request("the body of the request is not Kubernetes protobuf")
    try:
        envelope = dict(_parts(data[len(_MAGIC) :]))
        head = dict(_parts(envelope.get(1, b"")))
        api_version, kind = head.get(1, b"").decode(), head.get(2, b"").decode()
        if kind not in _MESSAGES:
            raise unsupported_media_type()
        body = _message(envelope.get(2, b""), kind)
    except (ValueError, IndexError, AttributeError, TypeError) as exc:
        raise bad_request(f"malformed protobuf: {exc}") from exc
    return {"kind": kind, "apiVersion": api_version, **body}


def _parts(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: number, and an int or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("cut short")
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {tag & 7}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value - (1 << 64) if value >= 1 << 63 else value, at


def _message(data: bytes, message: str) -> dict[str, Any]:
    fields = _fields(message)
    value: dict[str, Any] = {}
    for number, raw in _parts(data):
        if number not in fields:
            raise unsupported_media_type()
        name, kind = fields[number]
        _set(value, name, kind, raw)
    return value


def _set(value: dict[str, Any], name: str, kind: str, raw: Any) -> None:  # noqa: ANN401  an int or bytes
    match kind[:1]:
        case "":
            if raw:
                value[name] = raw.decode()
        case "#":
            if raw or kind == "#!":
                value[name] = raw
        case "?":
            if raw:
                value[name] = True
        case "(":
            value[name] = _message(raw, kind[1:-1])
        case "[":
            inner = kind[1:-1]
            item = _message(raw, inner) if inner else raw.decode()
            value.setdefault(name, []).append(item)
        case "{":
            entry = dict(_parts(raw))
            text = entry.get(2, b"")
            shown = base64.b64encode(text) if kind == "{b}" else text
            value.setdefault(name, {})[entry.get(1, b"").decode()] = shown.decode()
        case _:
            return
