"""What all pods of this stack share: as restricted as PodSecurity knows it, and let onto the node with the disk."""

from typing import Any, Final

from kubernetes.utils.quantity import parse_quantity

from clients.kubernetes import Manifest
from clients.nodes import HOST_NAME
from settings.resources import Resources

# In a homelab the node with the disk is often the control plane's, too.
TOLERATIONS: Final[list[Manifest]] = [
    {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
]
# Of a container whose pod, which may be of another owner, does not state it.
PROFILE: Final[Manifest] = {"seccompProfile": {"type": "RuntimeDefault"}}


def confined(**more: Any) -> Manifest:
    """Build a container's security context; `more` are who it runs as, and what else it may do."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        **more,
    }


def alone(**context: Any) -> Manifest:
    """Build the spec of a pod that needs nothing from the cluster; `context` is who its containers run as."""
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**PROFILE, **context},
    }


def job(metadata: Manifest, labels: Manifest, pod: Manifest, *, lasts: int) -> Manifest:
    """Build a Job of one pod, ended after `lasts` seconds; one that fails is not repeated."""
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": lasts, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def sized(stated: Resources, *, cpu: str, memory: str, most: str) -> Manifest:
    """Build a container's resources: the defaults, and over them what is stated; a default gives way to what is not."""
    asked, limited = stated.requests.stated(), stated.limits.stated()
    requests, limits = {"cpu": cpu, "memory": memory, **asked}, {"memory": most, **limited}
    for name in requests.keys() & limits.keys():
        if parse_quantity(requests[name]) > parse_quantity(limits[name]):
            if name in asked:
                limits[name] = requests[name]
            else:
                requests[name] = limits[name]
    return {"requests": requests, "limits": limits}


def asks_for(name: str) -> Manifest:
    """Build the spec of a pod that has to run on a node, by its host name; empty for an empty name."""
    return {"nodeSelector": {HOST_NAME: name}} if name else {}
