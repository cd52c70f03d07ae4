"""The photos in Immich: a volume, its mount and a guard, as entries of a Deployment that belongs to somebody else."""

import pulumi

from components import images
from components.ownership import Ownership
from components.photo_disk import MARK, mark_disk_command
from components.storage import claim_for_immich
from providers.cluster_api import Manifest
from providers.fragment import Fragment
from settings.immich import Immich
from settings.storage import HostPath, Storage

GUARD = "require-photo-disk"
_NOBODY = 65534


def fragment(immich: Immich, storage: Storage, container: str, ownership: Ownership) -> Manifest:
    """Build our entries of Immich's Deployment; `container` is the one that gets the mount."""
    name = immich.mount.volume
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": immich.namespace, "name": immich.deployment},
        "spec": {"template": {"spec": _pod(name, immich.mount.path, storage, container, ownership)}},
    }


def _require(ownership: Ownership) -> str:
    return (
        f"test -f /photos/{MARK} || {{ echo 'the photo disk is not there: /photos has no {MARK}. "
        "Immich would trash every photo, so it does not start. If the disk is mounted, mark it: "
        f"{mark_disk_command(ownership)}' >&2; exit 1; }}"
    )


def _pod(volume: str, path: str, storage: Storage, container: str, ownership: Ownership) -> Manifest:
    # Of type Directory: a missing directory must stop the pod, not appear.
    source: Manifest = (
        {"hostPath": {"path": storage.path, "type": "Directory"}}
        if isinstance(storage, HostPath)
        else {"persistentVolumeClaim": {"claimName": claim_for_immich(storage), "readOnly": True}}
    )
    guard = {
        "name": GUARD,
        "image": images.BUSYBOX,
        "command": ["sh", "-c", _require(ownership)],
        "volumeMounts": [{"name": volume, "mountPath": "/photos", "readOnly": True}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            # The owner of a network volume may be the only one who can look into it.
            "runAsUser": storage.owner.uid or _NOBODY,
            "runAsGroup": storage.owner.gid or _NOBODY,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
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
