"""What marks a disk as the one with the photos, and the folders on it that they are imported to."""

from collections.abc import Sequence
from typing import Final

from clients.kubernetes import Manifest

# A dotfile: Immich does not walk it.
MARK = ".immich-icloud"
IMPORT_FOLDER = "icloud-import"
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


def import_folder(place: int, account: str) -> str:
    """Name the folder of an account: the first one's, and others beside it. One in another would be imported twice."""
    return IMPORT_FOLDER if place == 0 else f"{IMPORT_FOLDER}-{account}"


def import_folders(accounts: Sequence[str]) -> list[str]:
    """Name the folders of all accounts; the first one is there without any account, too."""
    return [import_folder(place, account) for place, account in enumerate(accounts)] or [IMPORT_FOLDER]
