"""A stand-in for local-path-provisioner: a folder of the node for each claim of its class that a pod waits for."""

import contextlib
import shutil
import threading
from typing import Final

from kubernetes import client

from lab.node.container import Manifest
from lab.node.volumes import Disk
from lab.node.watching import changes
from lab.plugins.cluster import ApiError, Cluster

_NAME: Final = "rancher.io/local-path"
_PLACE: Final = "/opt/local-path-provisioner"  # (source: its own default)
_NODE: Final = "volume.kubernetes.io/selected-node"
_ASKED: Final = "volume.kubernetes.io/storage-provisioner"
_MADE_BY: Final = "pv.kubernetes.io/provisioned-by"


class Provisioner:
    """Makes volumes, and removes them when their claims are gone."""

    def __init__(self, cluster: Cluster, api: client.ApiClient, disk: Disk) -> None:
        """Nothing is watched yet."""
        self._cluster, self._core, self._disk = cluster, client.CoreV1Api(api), disk

    def watch(self) -> None:
        """Work forever; returns at once."""
        for work in (self._claims, self._volumes):
            threading.Thread(target=work, daemon=True).start()

    def _claims(self) -> None:
        for kind, claim in changes(self._core.list_persistent_volume_claim_for_all_namespaces):
            asked = claim["metadata"].get("annotations", {})
            if kind != "DELETED" and asked.get(_ASKED) == _NAME and _NODE in asked:
                with contextlib.suppress(ApiError):  # made before
                    self._cluster.request("POST", "/api/v1/persistentvolumes", _volume(claim, asked[_NODE]))

    def _volumes(self) -> None:
        for kind, volume in changes(self._core.list_persistent_volume):
            ours = volume["metadata"].get("annotations", {}).get(_MADE_BY) == _NAME
            if kind != "DELETED" and ours and volume["status"].get("phase") == "Released":
                shutil.rmtree(self._disk.path(volume["spec"]["hostPath"]["path"]), ignore_errors=True)
                with contextlib.suppress(ApiError):  # gone already
                    self._cluster.request("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")


def _volume(claim: Manifest, node: str) -> Manifest:
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    place = f"{_PLACE}/{name}_{metadata['namespace']}_{metadata['name']}"
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "metadata": {"name": name, "annotations": {_MADE_BY: _NAME}},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "hostPath": {"path": place, "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
        },
    }
