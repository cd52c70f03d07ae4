"""What marks a disk as the one with the photos."""

from typing import Final

from clients.kubernetes import Manifest

# A dotfile: Immich does not walk it.
MARK = ".immich-icloud"
# Label of the pods of all Jobs that mount the disk: none of them needs the network.
NETWORK_POLICY: Final = "photo-disk"
LABELS = {"app.kubernetes.io/name": "photo-disk"}
# Name of the directory ConfigMap and of its mirror in Immich's namespace.
RECORD: Final = "icloud-directory"
# Of the mirror where the sync runs in Immich's namespace: it outlives the stack, and the directory ConfigMap does not.
MIRROR: Final = "icloud-disk-id"


def disk_id() -> Manifest:
    """Build the variable DISK_ID, what the marker file has to have.

    By reference, so that no pod's template changes with the id; required, so that no container starts without one.
    """
    return {"name": "DISK_ID", "valueFrom": {"configMapKeyRef": {"name": RECORD, "key": "id"}}}
