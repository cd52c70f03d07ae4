"""The photos in Immich: a volume, its mount and a guard, as entries of a Deployment that belongs to somebody else."""

from collections.abc import Iterator

import pulumi

from clients.kubernetes import Manifest
from components import disk_check
from components.ownership import Ownership
from components.storage import claim_for_immich
from providers.fragment import Fragment
from settings.immich import Immich
from settings.storage import HostPath, Storage

GUARD = "require-photo-disk"


def fragment(immich: Immich, storage: Storage, container: str, ownership: Ownership) -> Manifest:
    """Build our entries of Immich's Deployment; `container` is the one that gets the mount."""
    name = immich.mount.volume
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": immich.namespace, "name": immich.deployment},
        "spec": {"template": {"spec": _pod(name, immich.mount.path, storage, container, ownership)}},
    }


def _pod(volume: str, path: str, storage: Storage, container: str, ownership: Ownership) -> Manifest:
    # Of type Directory: a missing directory must stop the pod, not appear.
    source: Manifest = (
        {"hostPath": {"path": storage.path, "type": "Directory"}}
        if isinstance(storage, HostPath)
        else {"persistentVolumeClaim": {"claimName": claim_for_immich(storage), "readOnly": True}}
    )
    guard = disk_check.container(
        GUARD, volume, storage, "Immich would trash every photo, so it does not start", ownership
    )
    return {
        "volumes": [{"name": volume, **source}],
        "initContainers": [guard],
        "containers": [{"name": container, "volumeMounts": [{"name": volume, "mountPath": path, "readOnly": True}]}],
    }


def lacking(fragment: Manifest, pod: Manifest) -> Iterator[str]:
    """Say in words what a pod lacks of the mount: the volume's source, the mount itself, read-only, and the guard.

    Args:
        fragment: our entries of Immich's Deployment.
        pod: the spec of the Deployment's pods, or of one that runs.

    """
    wanted = fragment["spec"]["template"]["spec"]
    ((source,), (container,)) = wanted["volumes"], wanted["containers"]
    (mount,) = container["volumeMounts"]
    at = mount["mountPath"]
    containers = [one for one in pod["containers"] if one["name"] == container["name"]]
    found = next((one for each in containers for one in each.get("volumeMounts", []) if one["mountPath"] == at), None)
    if found is None:
        yield f"container {container['name']} has no mount at {at}"
        return
    name = found["name"]
    volume = next((one for one in pod.get("volumes", []) if one["name"] == name), None)
    yield from _another_source(source, volume) if volume else [f"there is no volume {name}"]
    if found.get("subPath") or found.get("subPathExpr"):
        yield f"the mount {at} shows a part of the volume (subPath)"
    if not found.get("readOnly"):
        yield f"the mount {at} is not read-only"
    guards = [one for one in pod.get("initContainers", []) if one["name"] == GUARD]
    if not any(one["name"] == name for guard in guards for one in guard.get("volumeMounts", [])):
        yield f"there is no guard {GUARD} that looks at it"


def _another_source(wanted: Manifest, found: Manifest) -> Iterator[str]:
    name, directory = found["name"], found.get("hostPath", {})
    if "hostPath" not in wanted:
        claim = wanted["persistentVolumeClaim"]["claimName"]
        if found.get("persistentVolumeClaim", {}).get("claimName") != claim:
            yield f"the volume {name} is not the claim {claim}"
        return
    path = wanted["hostPath"]["path"]
    if directory.get("path") != path:
        yield f"the volume {name} is {directory.get('path', 'no directory of the node')}, not {path}"
    elif directory.get("type") != "Directory":
        yield f'the volume {name} is of type "{directory.get("type", "")}": a missing directory would appear'


class ImmichMount(pulumi.ComponentResource):
    """Immich sees the photos, read-only, and does not start without their disk."""

    def __init__(self, name: str, fragment: Manifest, ownership: Ownership, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:ImmichMount", name, None, opts)
        Fragment(f"{name}-fragment", ownership.claim(fragment), pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
