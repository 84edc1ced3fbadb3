"""May this account do what syncd does? Asked of the API server, right by right."""

from collections.abc import Iterator
from dataclasses import dataclass

from syncd.cluster import Api, TargetSpec
from syncd.config import Target
from syncd.doctor.finding import Finding, Tell
from syncd.errors import SyncdError


_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """Something that syncd does.

    Attributes:
        resource: With its subresource: `pods/exec`.
        without: What is lost without it; "" if nothing works then.
    """

    verbs: tuple[str, ...]
    group: str
    resource: str
    without: str = ""


def rights(spec: TargetSpec, *, rebuilds: bool) -> Iterator[Right]:
    """Yield what syncd does for a target."""
    yield Right(("get", "list", "watch"), "", "pods")
    yield Right(("get", "create"), "", "pods/exec")
    yield Right(("get",), "", "pods/log", "reloads are not seen")
    if spec.kind in {"deployment", "statefulset"}:
        yield Right(("get", "list", "watch"), "apps", f"{spec.kind}s")
    if spec.kind == "deployment":
        without = "Pods of an adopted ReplicaSet are left out"
        yield Right(("get",), "apps", "replicasets", without)
    if rebuilds:
        yield Right(("patch",), "apps", f"{spec.kind}s")
        yield Right(("list",), "", "events", "a stopped rollout is explained with less")


async def access(api: Api, spec: TargetSpec, target: Target, tell: Tell) -> None:
    """Tell what this account may not do of what a target needs."""
    check = f"rights in {spec.namespace} for {target.title}"
    well = True
    for right in rights(spec, rebuilds=target.rebuild is not None):
        try:
            missing = [
                verb for verb in right.verbs if not await _may(api, spec, right, verb)
            ]
        except SyncdError as error:
            tell(Finding.failed(check, error))
            return
        if missing:
            well = False
            tell(_missing(check, right, missing))
    if well:
        tell(Finding(check, "ok", "all that syncd needs"))


async def _may(api: Api, spec: TargetSpec, right: Right, verb: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    named = resource in {"deployments", "statefulsets"} and verb in {"get", "patch"}
    wanted = {
        "namespace": spec.namespace,
        "verb": verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "name": spec.name if named else "",
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    answer = await api.create(_REVIEWS, body)
    return bool((answer.get("status") or {}).get("allowed"))


def _missing(check: str, right: Right, verbs: list[str]) -> Finding:
    said = f"this account may not {' or '.join(verbs)} {right.resource}"
    rule = (
        f'{{apiGroups: ["{right.group}"], resources: [{right.resource}],'
        f" verbs: [{', '.join(verbs)}]}}"
    )
    remedy = f"a Role with the rule {rule}, bound to this account"
    if right.without:
        return Finding(check, "warning", f"{said}: {right.without}", remedy)
    return Finding(check, "failed", said, remedy)
