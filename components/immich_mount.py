"""The photos in Immich: a volume, its mounts and a startup check, as entries of a workload of others."""

import posixpath
from collections.abc import Iterator

from clients.kubernetes import Manifest
from components import disk_check
from components.immich_server import Server
from components.ownership import Ownership
from components.storage import claim_for_immich, of_read
from settings.immich import Immich
from settings.storage import HostPath, Storage

GUARD = "require-photo-disk"


def fragment(immich: Immich, storage: Storage, server: Server, ownership: Ownership) -> Manifest:
    """Build the entries of this stack in a workload that runs Immich's server."""
    ref = server.ref
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"namespace": ref.namespace, "name": ref.name},
        "spec": {"template": {"spec": _pod(immich, storage, server.containers, ownership)}},
    }


def _pod(immich: Immich, storage: Storage, containers: tuple[str, ...], ownership: Ownership) -> Manifest:
    volume = immich.mount.volume
    # Of type Directory: a missing directory must stop the pod, not appear.
    source: Manifest = (
        {"hostPath": {"path": storage.path, "type": "Directory"}}
        if isinstance(storage, HostPath)
        else {"persistentVolumeClaim": {"claimName": claim_for_immich(storage), "readOnly": True}}
    )
    part = of_read(storage)
    guard = disk_check.container(
        GUARD, volume, storage, part, "Immich would trash every photo, so it does not start", ownership
    )
    return {
        "volumes": [{"name": volume, **source}],
        "initContainers": [guard],
        "containers": [
            {"name": one, "volumeMounts": [{"name": volume, "mountPath": immich.mount.path, "readOnly": True, **part}]}
            for one in containers
        ],
    }


def lacking(fragment: Manifest, pod: Manifest) -> Iterator[str]:
    """List what a pod lacks of the mount: the volume's source, the mount itself, read-only, and the startup check.

    Args:
        fragment: the entries of this stack in a workload that runs Immich's server.
        pod: the spec of the workload's pods, or of one that runs.

    """
    wanted = fragment["spec"]["template"]["spec"]
    (source,) = wanted["volumes"]
    # What several containers lack is reported once.
    yield from dict.fromkeys(each for container in wanted["containers"] for each in _lacking(container, source, pod))


def _lacking(container: Manifest, source: Manifest, pod: Manifest) -> Iterator[str]:
    (mount,) = container["volumeMounts"]
    at = mount["mountPath"]
    containers = [one for one in pod["containers"] if one["name"] == container["name"]]
    found = next((one for each in containers for one in each.get("volumeMounts", []) if one["mountPath"] == at), None)
    if found is None:
        yield f"container {container['name']} has no mount at {at}"
        return
    name = found["name"]
    volume = next((one for one in pod.get("volumes", []) if one["name"] == name), None)
    yield from _another_source(source, volume) if volume else [f"volume {name} is missing"]
    if part_of(found) != part_of(mount):
        yield f"the mount {at} shows {_part(found)} of the volume, not {_part(mount)}"
    if not found.get("readOnly"):
        yield f"the mount {at} is not read-only"
    for each in (each for one in containers for each in one.get("volumeMounts", [])):
        if lies_within(each["mountPath"], at):
            yield f"the mount {each['mountPath']} hides a part of the photos"
    guards = [one for one in pod.get("initContainers", []) if one["name"] == GUARD]
    if not any(one["name"] == name for guard in guards for one in guard.get("volumeMounts", [])):
        yield f"init container {GUARD} is missing or does not mount the volume"


def _part(mount: Manifest) -> str:
    return f"the subPath {mount.get('subPath') or mount.get('subPathExpr')}" if any(part_of(mount)) else "all"


def part_of(mount: Manifest) -> tuple[str, str]:
    """Return the part of a volume that a mount shows: its subPath and its subPathExpr, empty for all of it."""
    return mount.get("subPath") or "", mount.get("subPathExpr") or ""


def lies_within(path: str, other: str) -> bool:
    """Whether a mount's path lies in another one, or is the same place in other words."""
    return path != other and f"{_plain(path)}/".startswith(f"{_plain(other)}/")


def _plain(path: str) -> str:
    return posixpath.normpath(f"/{path.lstrip('/')}").rstrip("/")


def _another_source(wanted: Manifest, found: Manifest) -> Iterator[str]:
    name, directory = found["name"], found.get("hostPath", {})
    if "hostPath" not in wanted:
        claim = wanted["persistentVolumeClaim"]["claimName"]
        if found.get("persistentVolumeClaim", {}).get("claimName") != claim:
            yield f"the volume {name} is not the claim {claim}"
        return
    path = wanted["hostPath"]["path"]
    if _plain(directory.get("path", "")) != path:
        yield f"the volume {name} is {directory.get('path', 'no directory of the node')}, not {path}"
    elif directory.get("type") != "Directory":
        yield f'the volume {name} is of type "{directory.get("type", "")}": a missing directory would be created'
