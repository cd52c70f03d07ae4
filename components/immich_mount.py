"""The photos in Immich: a volume, its mount and a guard, as entries of a Deployment that belongs to somebody else."""

import pulumi

from components import disk_check
from components.ownership import Ownership
from components.storage import claim_for_immich
from providers.cluster_api import Manifest
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


class ImmichMount(pulumi.ComponentResource):
    """Immich sees the photos, read-only, and does not start without their disk."""

    def __init__(self, name: str, fragment: Manifest, ownership: Ownership, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:ImmichMount", name, None, opts)
        Fragment(f"{name}-fragment", ownership.claim(fragment), pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
