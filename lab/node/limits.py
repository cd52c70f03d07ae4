"""What the stand-in node cannot do: it refuses pods that depend on it, and lists on all others what is not shown."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lab.node.container import Manifest

# Fields that are honoured, or that nothing on one node with no network depends on.
_POD: Final = {
    "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsPolicy",
    "enableServiceLinks", "initContainers", "nodeName", "nodeSelector", "preemptionPolicy", "priority",
    "restartPolicy", "schedulerName", "securityContext", "serviceAccount", "serviceAccountName",
    "terminationGracePeriodSeconds", "tolerations", "volumes",
}  # fmt: skip
_CONTAINER: Final = {
    "args", "command", "env", "image", "imagePullPolicy", "name", "ports", "resources", "securityContext",
    "terminationMessagePath", "terminationMessagePolicy", "volumeMounts", "workingDir",
}  # fmt: skip
_MOUNT: Final = {"mountPath", "name", "readOnly", "recursiveReadOnly", "subPath"}
# How a container's security context shows in what the container can do.
_CONTEXT: Final = {
    "runAsUser": "users",
    "runAsGroup": "users",
    "capabilities": "capabilities",
    "readOnlyRootFilesystem": "read-only root filesystems",
}


def refusal(pod: Manifest) -> str:
    """Explain why a pod cannot run here; empty when it can."""
    return next((f"the stand-in node does not model {field}" for field in _unknown(pod)), "")


def not_shown(pod: Manifest) -> list[str]:
    """List what a pod states and this node ignores."""
    return sorted(set(_ignored(pod)))


def _unknown(pod: Manifest) -> Iterator[str]:
    yield from _others("spec", pod, _POD)
    if pod.get("restartPolicy") != "Never":
        yield f"spec.restartPolicy {pod.get('restartPolicy')}"
    for kind in ("initContainers", "containers"):
        for container in pod.get(kind, []):
            yield from _others(f"spec.{kind}", container, _CONTAINER)
            for mount in container.get("volumeMounts", []):
                yield from _others(f"spec.{kind}.volumeMounts", mount, _MOUNT)


def _others(place: str, stated: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    return (f"{place}.{field}" for field in stated if field not in known)


def _ignored(pod: Manifest) -> Iterator[str]:
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
        yield from (name for field, name in _CONTEXT.items() if context.get(field))
        if any(mount.get("readOnly") for mount in container.get("volumeMounts", [])):
            yield "read-only mounts"
        if "memory" in container.get("resources", {}).get("limits", {}):
            yield "memory limits"
