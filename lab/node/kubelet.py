"""The pods of Jobs on the node: each is run when it is bound, and ended when it is deleted."""

import threading
from typing import Final

from kubernetes import client

from lab.node.container import Manifest
from lab.node.pod import Node, Pod
from lab.node.watching import changes

_OVER: Final = ("Succeeded", "Failed")


class Kubelet:
    """The pods that this node has run since it was started."""

    def __init__(self, node: Node, api: client.ApiClient) -> None:
        """Nothing is watched yet."""
        self._node = node
        self._core = client.CoreV1Api(api)
        self._pods: dict[str, Pod] = {}
        self._leaving: set[str] = set()

    def watch(self) -> None:
        """Run what is bound to the node, forever."""
        for kind, manifest in changes(
            self._core.list_pod_for_all_namespaces, field_selector=f"spec.nodeName={self._node.name}"
        ):
            if any(owner["kind"] == "Job" for owner in manifest["metadata"].get("ownerReferences", [])):
                self._see(kind, manifest)

    def find(self, namespace: str, name: str) -> Pod | None:
        """Find a pod that has not ended."""
        pods = [pod for pod in list(self._pods.values()) if (pod.namespace, pod.name) == (namespace, name)]
        return next((pod for pod in pods if not pod.ended.is_set()), None)

    def kill(self) -> None:
        """End all processes."""
        for pod in list(self._pods.values()):
            pod.kill()

    def _see(self, kind: str, manifest: Manifest) -> None:
        uid = manifest["metadata"]["uid"]
        pod = self._pods.get(uid)
        if kind == "DELETED":
            if pod:
                pod.vanish()
                del self._pods[uid]
            return
        if pod is None:
            pod = self._pods[uid] = Pod(manifest, self._node)
            if manifest["status"]["phase"] in _OVER:
                pod.ended.set()
            elif _ran(manifest):
                pod.lose()
            else:
                threading.Thread(target=pod.run, daemon=True).start()
        if "deletionTimestamp" in manifest["metadata"] and uid not in self._leaving:
            self._leaving.add(uid)
            grace = manifest["metadata"]["deletionGracePeriodSeconds"]
            threading.Thread(target=pod.leave, args=[grace], daemon=True).start()


def _ran(manifest: Manifest) -> bool:
    status = manifest["status"]
    statuses = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return any("running" in one["state"] for one in statuses)
