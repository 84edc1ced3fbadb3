"""What a cluster is born with: namespaces, its node, its own Service, its roles."""

import os
import platform

from syncd.loopback.access.rbac import Rbac
from syncd.loopback.controllers.collector import Namespaces
from syncd.loopback.controllers.context import Context
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.defaults import NODE
from syncd.loopback.store import Object, now


_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def furnish(context: Context, rbac: Rbac, namespaces: Namespaces, port: int) -> None:
    """Create what is there before anybody asks."""
    rbac.bootstrap()
    for name in _NAMESPACES:
        head = {"kind": "Namespace", "apiVersion": "v1"}
        body = {**head, "metadata": {"name": name}}
        context.create(context.catalog.named("namespaces"), body)
        namespaces.furnish(name)
    context.store.create(context.catalog.named("nodes"), _node(context.dialect))
    _own_service(context, port)


def _own_service(context: Context, port: int) -> None:
    metadata = {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    }
    ports = [{"name": "https", "port": 443, "targetPort": port}]
    spec = {"clusterIP": "10.43.0.1", "ports": ports}
    head = {"kind": "Service", "apiVersion": "v1"}
    services = context.catalog.named("services")
    context.create(services, {**head, "metadata": metadata, "spec": spec})
    subset = {
        "addresses": [{"ip": "127.0.0.1"}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    head = {"kind": "Endpoints", "apiVersion": "v1"}
    metadata = {"name": "kubernetes", "namespace": "default"}
    body = {**head, "metadata": metadata, "subsets": [subset]}
    context.create(context.catalog.named("endpoints"), body)


def _node(dialect: Dialect) -> Object:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(
        platform.machine(), platform.machine()
    )
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    room = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{pages * page // 1024}Ki",
        "pods": "110",
    }
    ready = {
        "type": "Ready",
        "status": "True",
        "lastHeartbeatTime": now(),
        "lastTransitionTime": now(),
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }
    labels = {
        "kubernetes.io/arch": machine,
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
    }
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": NODE, "labels": labels},
        "spec": {},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": NODE},
            ],
            "allocatable": room,
            "capacity": room,
            "conditions": [ready],
            "nodeInfo": {
                "architecture": machine,
                "bootID": "",
                "containerRuntimeVersion": "syncd-loopback://processes",
                "kernelVersion": platform.release(),
                "kubeProxyVersion": "",
                "kubeletVersion": dialect.git_version,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": platform.system(),
                "systemUUID": "",
            },
        },
    }
