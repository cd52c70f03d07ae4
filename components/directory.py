"""The photo directory, made once by a Job; and the Jobs by which somebody looks at it and marks it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pulumi
from pulumi_kubernetes.batch.v1 import Job
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from clients.kubernetes import Manifest
from components import images, network, photo_disk
from components.node import TOLERATIONS
from components.ownership import Ownership
from components.photo_disk import MARK, mark_disk_command
from components.scripts import script
from settings.storage import Csi, HostPath, Local, Nfs, OnNode, Storage

JOB = "create-icloud-directory"
_RECORD = "icloud-directory"
_LOOKING = 1800  # seconds: each of a million files is counted


def job(
    storage: Storage, folders: Sequence[str], namespace: str, ownership: Ownership, *, beside_one_made_by_hand: bool
) -> Manifest:
    """Build the Job; beside one of the same name that was made by hand it is named after its template."""
    environment = {
        "FOLDERS": " ".join(folders),
        "OWNER": f"{storage.owner.uid}:{storage.owner.gid}" if isinstance(storage, OnNode) else "",
        "ADOPT": str(ownership.adopting).lower(),
        "MARK_DISK": mark_disk_command(ownership),
    }
    template = _template(_pod(storage, "create-directory", "make_directory.sh", environment))
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()
    name = f"{JOB}-{digest[:8]}" if beside_one_made_by_hand else JOB
    # A Job that failed is made anew by the next `up`.
    metadata = ownership.metadata("Job", name, namespace, {"pulumi.com/replaceUnready": "true"})
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": 300, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def record(namespace: str, ownership: Ownership) -> Manifest:
    """Build the ConfigMap that remembers that the directory has been made."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": ownership.metadata("ConfigMap", _RECORD, namespace),
        "data": {"made": "true"},
    }


def network_policy(namespace: str, ownership: Ownership) -> Manifest:
    """Build the NetworkPolicy of all Jobs that mount the disk: what they mount comes by the kubelet."""
    return network.nothing("photo-disk", namespace, photo_disk.LABELS, ownership)


def look(storage: Storage, namespace: str) -> Manifest:
    """Build the Job that says what is in the directory; what its last line means, `look_at_disk.sh` says."""
    environment = {"BESIDE": str(isinstance(storage, OnNode)).lower()}
    pod = _pod(storage, "look-at-disk", "look_at_disk.sh", environment, read_only=True)
    return _by_hand("look-at-disk-", namespace, pod)


def mark(storage: Storage, namespace: str, seen: str) -> Manifest:
    """Build the Job that marks the directory, if it still is what a look has `seen`."""
    return _by_hand("mark-disk-", namespace, _pod(storage, "mark-disk", "mark_disk.sh", {"SEEN": seen}))


def place(storage: Storage) -> str:
    """Name the place of the directory, as somebody types it to say that it is the right one."""
    match storage:
        case HostPath() | Local() | Nfs():
            return storage.path
        case Csi():
            return storage.volume_handle


def _by_hand(prefix: str, namespace: str, pod: Manifest) -> Manifest:
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": _LOOKING, "template": _template(pod)}
    metadata = {"generateName": prefix, "namespace": namespace}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def _template(pod: Manifest) -> Manifest:
    return {"metadata": {"labels": photo_disk.LABELS}, "spec": pod}


def _pod(
    storage: Storage, name: str, file: str, environment: Mapping[str, str], *, read_only: bool = False
) -> Manifest:
    on_node = isinstance(storage, OnNode)
    path = PurePosixPath(storage.path) if isinstance(storage, OnNode) else PurePosixPath("/photos")
    stated = {
        "DIRECTORY": f"/parent/{path.name}" if on_node else str(path),
        "PLACE": _described(storage),
        "MARK": MARK,
        "RECORD": "/record/made",
        "KUBELETS": "/record",  # a ConfigMap's volume is a directory of the kubelet's
        **environment,
    }
    volume: dict[str, Any]
    if on_node:
        # Of type Directory: making a missing parent could mean making it on the wrong disk.
        volume = {"name": "photos", "hostPath": {"path": str(path.parent), "type": "Directory"}}
    else:
        volume = {"name": "photos", "persistentVolumeClaim": {"claimName": storage.claim}}
    photos = {"name": "photos", "mountPath": "/parent" if on_node else str(path)}
    container = {
        "name": name,
        "image": images.BUSYBOX,
        "command": ["sh", "-c", script("disk.sh", "space.sh", file)],
        "env": [{"name": variable, "value": value} for variable, value in stated.items()],
        "volumeMounts": [
            {**photos, "readOnly": True} if read_only else photos,
            {"name": "record", "mountPath": "/record", "readOnly": True},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": _security_context(storage),
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [volume, {"name": "record", "configMap": {"name": _RECORD, "optional": True}}],
    }
    if isinstance(storage, HostPath | Local):
        pod["nodeSelector"] = {"kubernetes.io/hostname": storage.node}
        pod["tolerations"] = TOLERATIONS
    return pod


def _described(storage: Storage) -> str:
    return f"{place(storage)} on {storage.node}" if isinstance(storage, HostPath | Local) else place(storage)


def _security_context(storage: Storage) -> Manifest:
    """On a node only root makes directories; on a network volume their owner does."""
    context: Manifest = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    if isinstance(storage, OnNode):
        return context | {
            "runAsUser": 0,
            "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"]},
        }
    owner = storage.owner
    return context | {
        "runAsUser": owner.uid,
        "runAsGroup": owner.gid,
        "runAsNonRoot": owner.uid != 0,
        "capabilities": {"drop": ["ALL"]},
    }


@dataclass(frozen=True)
class DirectoryManifests:
    """What makes the directory: the Job, what remembers that it ran, and what keeps it out of the network."""

    job: Manifest
    record: Manifest
    network_policy: Manifest


class PhotoDirectory(pulumi.ComponentResource):
    """The directory on the disk, with its mark. Its Job runs once, and runs again only to set right what it finds."""

    def __init__(
        self, name: str, manifests: DirectoryManifests, ownership: Ownership, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("immich-icloud:index:PhotoDirectory", name, None, opts)
        job, record, policy = manifests.job, manifests.record, manifests.network_policy
        inside = pulumi.ResourceOptions(parent=self)
        shut_off = NetworkPolicy(
            f"{name}-network-policy", metadata=policy["metadata"], spec=policy["spec"], opts=inside
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[shut_off])
        ran = Job(f"{name}-job", metadata=job["metadata"], spec=job["spec"], opts=after)
        remembered = pulumi.ResourceOptions(parent=self, depends_on=[ran])
        made = ConfigMap(
            f"{name}-record",
            metadata=record["metadata"],
            data=record["data"],
            opts=ownership.options(record, remembered),
        )
        ownership.mark_adopted(f"{name}-record", record, made, self)
        self.register_outputs({"job": ran.metadata.name, "record": made.metadata.name})
