"""A workload as far as its image goes: what it names, what that was built from. Pure.

What syncd knows is written on the workload itself, so that a syncd started tomorrow, on
another machine, knows it too: for the container `web`, the label `web.syncd/inputs`
(12 digits of the digest) and the annotations `web.syncd/inputs` (all of it) and
`web.syncd/images` (the images of the last digests).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from syncd.cluster import TargetSpec
from syncd.cluster.containers import choose_container
from syncd.rebuild.identity import TAG, Identity
from syncd.rebuild.reference import Reference


Object = Mapping[str, Any]
_REMEMBERED = 10
_KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet"}


@dataclass(frozen=True, slots=True)
class Workload:
    """The part of a workload that a rebuild is about.

    Attributes:
        spec: What it is called.
        container: The one whose image is rebuilt.
        field: Where in the Pod's spec it stands.
        image: What it names now.
        pull_policy: When nodes ask the registry for it.
        known: Images by the digest of what they were built from, oldest first.
    """

    spec: TargetSpec
    container: str
    field: str
    image: str
    pull_policy: str
    known: Mapping[str, str]

    @classmethod
    def of(cls, spec: TargetSpec, document: Object) -> Self:
        """Return what an object of the API says.

        Raises:
            TargetError: If it does not have the container, or no telling which.
        """
        template = document["spec"]["template"]
        pod = {"metadata": template.get("metadata") or {}, "spec": template["spec"]}
        name = choose_container(pod, spec.container)
        fields = ("containers", "initContainers")
        field, container = next(
            (field, each)
            for field in fields
            for each in template["spec"].get(field) or ()
            if each["name"] == name
        )
        annotations = document["metadata"].get("annotations") or {}
        return cls(
            spec=spec,
            container=name,
            field=field,
            image=container.get("image") or "",
            pull_policy=container.get("imagePullPolicy") or "",
            known=_images(annotations.get(f"{name}.syncd/images")),
        )

    def patch(self, image: str, digest: str, known: Mapping[str, str]) -> Object:
        """Return the part of the object that names another image, for an apply."""
        key = f"{self.container}.syncd/inputs"
        others = {of: name for of, name in known.items() if of != digest}
        images = dict([*others.items(), (digest, image)][-_REMEMBERED:])
        annotations = {
            key: digest,
            f"{self.container}.syncd/images": json.dumps(images),
        }
        container = {"name": self.container, "image": image}
        return {
            "apiVersion": "apps/v1",
            "kind": _KINDS[self.spec.kind],
            "metadata": {
                "name": self.spec.name,
                "labels": {key: digest[:12]},
                "annotations": annotations,
            },
            "spec": {"template": {"spec": {self.field: [container]}}},
        }

    @property
    def manager(self) -> str:
        """Under which name syncd manages the fields of the patch.

        Each container has its own: what a manager no longer applies is taken away.
        """
        return f"syncd-{self.container}"

    @property
    def path(self) -> str:
        """The object's path in the API."""
        return f"{self.collection}/{self.spec.name}"

    @property
    def collection(self) -> str:
        """The path of all of its kind."""
        namespace, kind = self.spec.namespace, self.spec.kind
        return f"/apis/apps/v1/namespaces/{namespace}/{kind}s"


def is_built_from(
    image: str, wanted: Identity, known: Mapping[str, str]
) -> bool | None:
    """Return whether an image was built from these inputs; None if nobody knows.

    Args:
        image: The image.
        wanted: The inputs.
        known: Images by the digest of what they were built from.
    """
    tag = Reference.parse(image).tag
    if known.get(wanted.digest) == image or tag == wanted.tag:
        return True
    return False if image in known.values() or tag.startswith(TAG) else None


def digest_of(image: str, known: Mapping[str, str]) -> str:
    """Return the digest of what an image was built from, or ""."""
    return next((digest for digest, name in known.items() if name == image), "")


def _images(written: object) -> dict[str, str]:
    if not isinstance(written, str):
        return {}
    try:
        images = json.loads(written)
    except ValueError:
        return {}
    if not isinstance(images, dict):
        return {}
    return {str(of): name for of, name in images.items() if isinstance(name, str)}
