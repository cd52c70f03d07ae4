"""The check of the disk's marker file: as an init container of Immich, and as a Job before Immich scans."""

import shlex

from clients.kubernetes import Manifest, Ref
from clients.result import Code, Result
from components import images, pods
from components.ownership import Ownership
from components.photo_disk import LABELS, MARK, disk_id
from components.pods import PROFILE, TOLERATIONS, asks_for, confined, sized
from components.storage import of_written, written_claim
from settings import Settings
from settings.storage import OnNode, Storage

_NONROOT = 65534
_AT = "/photos"


def container(  # noqa: PLR0913, PLR0917 (where it looks, and what it says)
    name: str, volume: str, storage: Storage, part: Manifest, otherwise: str, ownership: Ownership
) -> Manifest:
    """Build a container that succeeds only where the disk is mounted.

    Args:
        name: the container's name.
        volume: the pod's volume to look at.
        storage: whose owner it runs as.
        part: what a mount says of the part of the volume that it shows.
        otherwise: a sentence, without its full stop: what follows when the disk is not there.
        ownership: of whose stack it is.

    """
    missing = f"the photo disk is not there: {_AT}/{MARK} is missing, or has the id of another disk. {otherwise}. "
    missing += f"If the right disk is mounted, mark it: {ownership.command('mark-disk')}"
    looks = f'[ -n "$DISK_ID" ] && grep -qsx "id: $DISK_ID" {_AT}/{MARK}'
    report = Result(code=Code.NO_MARK, message=missing).model_dump_json(exclude_defaults=True)
    return {
        "name": name,
        "image": images.BUSYBOX,
        "command": ["sh", "-c", f"{{ {looks}; }} || {{ echo {shlex.quote(report)}; exit 1; }}"],
        "env": [disk_id()],
        "volumeMounts": [{"name": volume, "mountPath": _AT, "readOnly": True, **part}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": sized(storage.resources, cpu="10m", memory="16Mi", most="64Mi"),
        "securityContext": confined(
            # The owner of a network volume may be the only one who can look into it.
            runAsUser=storage.owner.uid or _NONROOT,
            runAsGroup=storage.owner.gid or _NONROOT,
            runAsNonRoot=True,
            **PROFILE,
        ),
    }


def job(settings: Settings, ownership: Ownership, node: str = "") -> Manifest:
    """Build the Job, which mounts the sync's claim read-only, on `node` if that is named. Each time it is a new one."""
    storage = settings.storage
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **asks_for(node),
        "containers": [
            container(
                "require-photo-disk",
                "photos",
                storage,
                of_written(storage),
                "Nothing is scanned: Immich would trash every photo",
                ownership,
            )
        ],
        "volumes": [
            {"name": "photos", "persistentVolumeClaim": {"claimName": written_claim(storage), "readOnly": True}}
        ],
    }
    if isinstance(storage, OnNode):  # the volume's own affinity leads to the node
        pod["tolerations"] = TOLERATIONS
    metadata = ownership.whole(Ref("batch/v1", "Job", "", settings.photo_sync.namespace))["metadata"]
    del metadata["name"]
    return pods.job({**metadata, "generateName": "check-photo-disk-"}, LABELS, pod, lasts=300)
