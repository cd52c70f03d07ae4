"""The photo directory, made once by a Job."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pulumi
from pulumi_kubernetes.batch.v1 import Job
from pulumi_kubernetes.core.v1 import ConfigMap

from components import images
from components.ownership import Ownership
from components.photo_disk import MARK
from providers.cluster_api import Manifest
from settings.storage import HostPath, Local, OnNode, Storage

JOB = "create-icloud-directory"
_RECORD = "icloud-directory"
_SCRIPT = Path(__file__).with_name("make_directory.sh")


def job(
    storage: Storage, folders: Sequence[str], namespace: str, ownership: Ownership, *, beside_one_made_by_hand: bool
) -> Manifest:
    """Build the Job; beside one of the same name that was made by hand it is named after its template."""
    template = {"spec": _pod(storage, folders, adopt=ownership.adopting)}
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


def _pod(storage: Storage, folders: Sequence[str], *, adopt: bool) -> Manifest:
    on_node = isinstance(storage, OnNode)
    path = PurePosixPath(storage.path) if isinstance(storage, OnNode) else PurePosixPath("/photos")
    environment = {
        "DIRECTORY": f"/parent/{path.name}" if on_node else str(path),
        "FOLDERS": " ".join(folders),
        "OWNER": f"{storage.owner.uid}:{storage.owner.gid}" if on_node else "",
        "MARK": MARK,
        "ADOPT": str(adopt).lower(),
        "RECORD": "/record/made",
    }
    volume: dict[str, Any]
    if on_node:
        # Of type Directory: making a missing parent could mean making it on the wrong disk.
        volume = {"name": "photos", "hostPath": {"path": str(path.parent), "type": "Directory"}}
    else:
        volume = {"name": "photos", "persistentVolumeClaim": {"claimName": storage.claim}}
    container = {
        "name": "create-directory",
        "image": images.BUSYBOX,
        "command": ["sh", "-c", _SCRIPT.read_text()],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": [
            {"name": "photos", "mountPath": "/parent" if on_node else str(path)},
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
        pod["tolerations"] = [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
        ]
    return pod


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


class PhotoDirectory(pulumi.ComponentResource):
    """The directory on the disk, with its mark. Its Job runs once, and runs again only to set right what it finds."""

    def __init__(
        self, name: str, job: Manifest, record: Manifest, ownership: Ownership, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("immich-icloud:index:PhotoDirectory", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        ran = Job(f"{name}-job", metadata=job["metadata"], spec=job["spec"], opts=inside)
        remembered = pulumi.ResourceOptions(parent=self, depends_on=[ran])
        made = ConfigMap(
            f"{name}-record",
            metadata=record["metadata"],
            data=record["data"],
            opts=ownership.options(record, remembered),
        )
        ownership.mark_adopted(f"{name}-record", record, made, self)
        self.register_outputs({"job": ran.metadata.name, "record": made.metadata.name})
