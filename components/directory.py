"""The photo directory, made once by a Job; and the Jobs by which a person inspects it and marks it.

On a node, an init container creates the directory as root and changes its owner. All else runs as that owner.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import pulumi

from clients.kubernetes import Manifest, Ref
from clients.result import Result
from components import images, network, photo_disk, pods
from components.managed import register
from components.ownership import Ownership
from components.photo_disk import MARK, MIRROR, RECORD, disk_id
from components.pods import TOLERATIONS, alone, asks_for, confined, sized
from components.scripts import script
from components.storage import of_written, written_claim
from providers.disk_identity import DiskIdentity
from settings.storage import Csi, Existing, HostPath, Local, Nfs, OnNode, Storage
from text.literal import literal

JOB = "create-icloud-directory"
_LOOKING = 1800  # seconds: each of a million files is counted


def job(  # noqa: PLR0913 (what it is made of)
    storage: Storage,
    folders: Sequence[str],
    namespace: str,
    ownership: Ownership,
    *,
    node: str = "",
    beside_one_made_by_hand: bool,
) -> Manifest:
    """Build the Job, on `node` if that is named; beside one made by hand of its name it is named after its template."""
    environment = {
        "FOLDERS": " ".join(folders),
        "MARK_DISK": ownership.command("mark-disk"),
        "ADOPT": str(ownership.adopting).lower(),
    }
    makes = _container(storage, "make-directory", "make_directory.sh", {}, as_root=True)
    furnishes = _container(storage, "create-directory", "furnish_directory.sh", environment)
    furnishes["env"].append(disk_id())
    made = pods.job({}, photo_disk.LABELS, _pod(storage, furnishes, node, first=makes), lasts=300)
    digest = hashlib.sha256(json.dumps(made["spec"]["template"], sort_keys=True).encode()).hexdigest()
    name = f"{JOB}-{digest[:8]}" if beside_one_made_by_hand else JOB
    # A Job that failed is made again by the next `up`.
    ref = Ref("batch/v1", "Job", name, namespace)
    return ownership.whole(ref, {"pulumi.com/replaceUnready": "true"}, spec=made["spec"])


def record(namespace: str, ownership: Ownership) -> Manifest:
    """Build the ConfigMap that remembers that the directory has been made; the disk's id is written into it, too."""
    return _config_map(namespace, ownership) | {"data": {"made": "true"}}


def identity(namespace: str, immich_namespace: str, ownership: Ownership) -> tuple[Manifest, Manifest]:
    """Name the ConfigMaps that carry the disk's id: the mirror in Immich's namespace, and the directory ConfigMap."""
    mirror = MIRROR if namespace == immich_namespace else RECORD
    return _config_map(immich_namespace, ownership, mirror), _config_map(namespace, ownership)


def _config_map(namespace: str, ownership: Ownership, name: str = RECORD) -> Manifest:
    return ownership.whole(Ref("v1", "ConfigMap", name, namespace))


def network_policy(namespace: str, ownership: Ownership) -> Manifest:
    """Build the NetworkPolicy of all Jobs that mount the disk: what they mount comes by the kubelet."""
    return network.nothing(photo_disk.NETWORK_POLICY, namespace, photo_disk.LABELS, ownership)


def look(storage: Storage, namespace: str, node: str = "") -> Manifest:
    """Build the Job that says what is in the directory; what its result means, `look_at_disk.sh` says."""
    environment = {"BESIDE": str(isinstance(storage, OnNode)).lower()}
    container = _container(storage, "look-at-disk", "look_at_disk.sh", environment, read_only=True)
    return _by_hand("look-at-disk-", namespace, _pod(storage, container, node))


def mark(  # noqa: PLR0913, PLR0917 (a directory, a look at it, and what becomes of it)
    storage: Storage,
    folders: Sequence[str],
    namespace: str,
    ownership: Ownership,
    sight: Result,
    new_id: str,
    node: str = "",
) -> Manifest:
    """Build the Job that marks the directory, and gives it to its owner, if it still is what a look has seen."""
    known = {"FOLDERS": " ".join(folders), "MARK_DISK": ownership.command("mark-disk")}
    seen = known | {"SEEN_FILESYSTEM": sight.filesystem}
    gives = _container(storage, "give-directory", "give_directory.sh", seen, as_root=True)
    marks = _container(storage, "mark-disk", "mark_disk.sh", known | {"SEEN": sight.fingerprint, "NEW_ID": new_id})
    return _by_hand("mark-disk-", namespace, _pod(storage, marks, node, first=gives))


def place(storage: Storage) -> str:
    """Name the place of the directory, as a person types it to confirm that it is the right one."""
    match storage:
        case HostPath() | Local() | Nfs():
            return storage.path
        case Csi():
            return storage.volume_handle
        case Existing():
            return "/".join(filter(None, (storage.claim.name, storage.claim.sub_path)))


def _by_hand(prefix: str, namespace: str, pod: Manifest) -> Manifest:
    return pods.job({"generateName": prefix, "namespace": namespace}, photo_disk.LABELS, pod, lasts=_LOOKING)


def _container(  # noqa: PLR0913 (what it is made of)
    storage: Storage,
    name: str,
    file: str,
    environment: Mapping[str, str],
    *,
    as_root: bool = False,
    read_only: bool = False,
) -> Manifest:
    on_node = isinstance(storage, OnNode)
    path = PurePosixPath(storage.path) if isinstance(storage, OnNode) else PurePosixPath("/photos")
    stated = {
        "DIRECTORY": f"/parent/{path.name}" if on_node else str(path),
        "PLACE": _described(storage),
        "MARK": MARK,
        "OWNER": f"{storage.owner.uid}:{storage.owner.gid}" if on_node else "",
        "RECORD": "/record",
        "KUBELETS": "/record",  # a ConfigMap's volume is a directory of the kubelet's
        **environment,
    }
    photos = {"name": "photos", "mountPath": "/parent" if on_node else str(path), **of_written(storage)}
    return {
        "name": name,
        "image": images.BUSYBOX,
        "command": ["sh", "-c", script("disk.sh", "space.sh", file)],
        "env": [{"name": variable, "value": literal(value)} for variable, value in stated.items()],
        "volumeMounts": [
            {**photos, "readOnly": True} if read_only else photos,
            {"name": "record", "mountPath": "/record", "readOnly": True},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": sized(storage.resources, cpu="10m", memory="16Mi", most="64Mi"),
        "securityContext": confined(**(_AS_ROOT if as_root else _as_owner(storage))),
    }


def _pod(storage: Storage, container: Manifest, node: str = "", first: Manifest | None = None) -> Manifest:
    """Build the pod; `first` runs before, on a node: on a network volume the storage decides who owns what."""
    on_node = isinstance(storage, OnNode)
    volume: dict[str, Any]
    if isinstance(storage, OnNode):
        # Of type Directory: making a missing parent could mean making it on the wrong disk.
        parent = str(PurePosixPath(storage.path).parent)
        volume = {"name": "photos", "hostPath": {"path": parent, "type": "Directory"}}
    else:
        volume = {"name": "photos", "persistentVolumeClaim": {"claimName": written_claim(storage)}}
    pod = {
        "restartPolicy": "Never",
        **alone(),
        **asks_for(node),
        **({"initContainers": [first]} if first and on_node else {}),
        "containers": [container],
        "volumes": [volume, {"name": "record", "configMap": {"name": RECORD, "optional": True}}],
    }
    if isinstance(storage, HostPath | Local):
        pod |= {**asks_for(storage.node), "tolerations": TOLERATIONS}
    return pod


def _described(storage: Storage) -> str:
    return f"{place(storage)} on {storage.node}" if isinstance(storage, HostPath | Local) else place(storage)


# Only root can create directories on a node, and change their owner.
_AS_ROOT: Final[Manifest] = {
    "runAsUser": 0,
    "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"]},
}


def _as_owner(storage: Storage) -> Manifest:
    owner = storage.owner
    return {
        "runAsUser": owner.uid,
        "runAsGroup": owner.gid,
        "runAsNonRoot": owner.uid != 0,
    }


@dataclass(frozen=True)
class DirectoryManifests:
    """The Job that makes the directory, its ConfigMaps with the disk's id, and its NetworkPolicy."""

    job: Manifest
    record: Manifest
    network_policy: Manifest
    identity: tuple[Manifest, Manifest]


class PhotoDirectory(pulumi.ComponentResource):
    """The directory on the disk, with its mark. Its Job runs once, and runs again only to set right what it finds."""

    def __init__(
        self, name: str, manifests: DirectoryManifests, ownership: Ownership, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("immich-icloud:index:PhotoDirectory", name, None, opts)
        job, record, policy = manifests.job, manifests.record, manifests.network_policy

        def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(resources))

        former = ownership.other_names
        drawn = DiskIdentity(f"{name}-id", manifests.identity, former, after(), marked=False)
        shut_off = register(f"{name}-network-policy", policy, after())
        ran = register(f"{name}-job", job, after(drawn, shut_off))
        made = register(f"{name}-record", record, after(ran), ownership)
        DiskIdentity(f"{name}-id-on-disk", manifests.identity, former, after(made), marked=True)
