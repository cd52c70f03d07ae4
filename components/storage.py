"""Volumes and claims: a pair that the sync writes to, and a read-only one for Immich where it mounts a claim."""

from typing import Any

import pulumi

from clients.kubernetes import Manifest, Ref
from clients.nodes import HOST_NAME
from components.kept import leads_to
from components.managed import register
from components.ownership import Ownership
from settings.storage import ClaimPart, Created, Csi, Existing, HostPath, Local, Nfs, OnNode, Storage


def written(storage: Storage, namespace: str, ownership: Ownership) -> tuple[Manifest, Manifest] | None:
    """Build the volume and the claim that the sync writes to; None where they are there."""
    if isinstance(storage, Existing):
        return None
    return _pair(storage, namespace, ownership, read_only=False)


def read_by_immich(storage: Storage, namespace: str, ownership: Ownership) -> tuple[Manifest, Manifest] | None:
    """Build the volume and the claim that Immich reads from; None where it mounts what is there."""
    return None if isinstance(storage, HostPath | Existing) else _pair(storage, namespace, ownership, read_only=True)


def _pair(storage: Created, namespace: str, ownership: Ownership, *, read_only: bool) -> tuple[Manifest, Manifest]:
    volume_name, claim_name = storage.persistent_volume, storage.claim
    modes: list[str] = list(storage.access_modes)
    if read_only:
        volume_name, claim_name, modes = volume_for_immich(storage), claim_for_immich(storage), ["ReadOnlyMany"]
    # Bound to each other by name, so that no other claim takes the volume and no provisioner answers the claim.
    volume = {
        "capacity": {"storage": storage.capacity},
        "accessModes": modes,
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim_name},
        **_source(storage, read_only=read_only),
    }
    if isinstance(storage, OnNode):
        here = {"key": HOST_NAME, "operator": "In", "values": [storage.node]}
        volume["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
    claim = {
        "accessModes": modes,
        "resources": {"requests": {"storage": storage.capacity}},
        "storageClassName": "",
        "volumeName": volume_name,
    }
    return (
        ownership.whole(Ref("v1", "PersistentVolume", volume_name), spec=volume),
        ownership.whole(Ref("v1", "PersistentVolumeClaim", claim_name, namespace), spec=claim),
    )


def node_to_name(storage: Storage, volume: Manifest | None) -> str:
    """Name the node that a pod has to ask for: empty where the volume's own affinity leads there, or none is needed."""
    if volume is None or not isinstance(storage, OnNode) or leads_to(volume["spec"]["nodeAffinity"]) == {storage.node}:
        return ""
    return storage.node


def volume_for_immich(storage: Created) -> str:
    """Name Immich's own volume."""
    return f"{storage.persistent_volume}-immich"


def claim_for_immich(storage: Storage) -> str:
    """Name the claim that Immich reads from."""
    return storage.read.name if isinstance(storage, Existing) else f"{storage.claim}-immich"


def written_claim(storage: Storage) -> str:
    """Name the claim that the sync writes to."""
    return storage.claim.name if isinstance(storage, Existing) else storage.claim


def of_written(storage: Storage) -> Manifest:
    """Build what a mount of that claim says of the part of the volume that it shows."""
    return _part(storage.claim) if isinstance(storage, Existing) else {}


def of_read(storage: Storage) -> Manifest:
    """Build what a mount of the claim that Immich reads from says of the part that it shows."""
    return _part(storage.read) if isinstance(storage, Existing) else {}


def _part(claim: ClaimPart) -> Manifest:
    return {"subPath": claim.sub_path} if claim.sub_path else {}


def _source(storage: Created, *, read_only: bool) -> dict[str, Any]:
    match storage:
        case HostPath():
            of_type = {"type": storage.host_path_type} if storage.host_path_type else {}
            return {"hostPath": {"path": storage.path, **of_type}}
        case Local():
            return {"local": {"path": storage.path}}
        case Nfs():
            return {"nfs": {"server": storage.server, "path": storage.path, "readOnly": read_only}}
        case Csi():
            handle = storage.immich_volume_handle if read_only else storage.volume_handle
            attributes = {"volumeAttributes": storage.volume_attributes} if storage.volume_attributes else {}
            return {"csi": {"driver": storage.driver, "volumeHandle": handle, "readOnly": read_only, **attributes}}


class PhotoVolume(pulumi.ComponentResource):
    """A PersistentVolume and its claim, kept together."""

    def __init__(
        self, name: str, volume: Manifest, claim: Manifest, ownership: Ownership, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("immich-icloud:index:PhotoVolume", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        made = register(f"{name}-volume", volume, inside, ownership, protect=True)
        after = pulumi.ResourceOptions(parent=self, depends_on=[made])
        register(f"{name}-claim", claim, after, ownership, protect=True)
