"""An API server and its real node, and what tests do to both: each namespace and folder is used once."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from kubernetes import client

from clients import result
from clients.kubernetes import ClusterApi, Manifest
from components import pod_security
from components.photo_disk import RECORD
from lab import processes
from lab.apple import process as apple
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.real_node import apple as way_to_apple
from lab.real_node import node as real_node
from lab.real_node.node import RealNode
from lab.toolchain import Tools
from settings.cluster import Cluster as Address
from tests.accounts import DISK_ID
from tests.lab.conftest import until

NODE = "talos-1ca-62z"
# icloudpd unpacks itself into 108 MB of it.
SIZE = 512 * 2**20
_KUBELET = {
    "evictionHard": {"memory.available": "10Mi", "nodefs.available": "20%", "imagefs.available": "0%"},
    # Else no pod is let in for five minutes after an eviction.
    "evictionPressureTransitionPeriod": "1s",
}


class Cluster:
    """One that is reached by a kubeconfig; `first` is the node's first process, as this machine numbers it."""

    def __init__(self, address: Address, first: int) -> None:
        self.address, self._first = address, first
        connected = connect(address.kubeconfig_file)
        self.core, self.batch = client.CoreV1Api(connected), client.BatchV1Api(connected)
        self.apps = client.AppsV1Api(connected)
        self.api = ClusterApi(address)

    def place(self, path: str) -> Path:
        """A path of the node, as it is from outside."""
        return Path(f"/proc/{self._first}/root{path}")

    def on_node(self, *command: str) -> None:
        """Run a program of this machine on the node's mounts."""
        subprocess.run(["nsenter", f"--target={self._first}", "--mount", "--pid", "--", *command], check=True)

    def mount(self, path: str) -> Path:
        """Mount a filesystem of its own on the node."""
        self.place(path).mkdir(parents=True, exist_ok=True)
        self.on_node("mount", "-t", "tmpfs", "-o", "size=4g", "disk", path)
        return self.place(path)

    def namespace(self, name: str, *pods: Manifest, **known: str) -> None:
        """A namespace that enforces the level that we compute for some pods, with the directory ConfigMap."""
        level = pod_security.least_strict([pod_security.needed(pod) for pod in pods])
        self.core.create_namespace({"metadata": {"name": name, "labels": pod_security.labels(level)}})
        identity = {"metadata": {"name": RECORD}, "data": {"id": DISK_ID, **known}}
        self.core.create_namespaced_config_map(name, identity)
        until(lambda: self.core.list_namespaced_service_account(name).items)

    def start(self, name: str, pod: Manifest, **known: str) -> None:
        """Run a pod in a namespace of its own."""
        self.namespace(name, pod, **known)
        self.core.create_namespaced_pod(name, {"metadata": {"name": "pod"}, "spec": pod})

    def pod(self, namespace: str) -> Any:
        return self.core.read_namespaced_pod("pod", namespace)

    def ended(self, namespace: str) -> Any:
        """Wait until its pod has ended, and return how the container did that ended it."""
        until(lambda: self.pod(namespace).status.phase in {"Succeeded", "Failed"}, 90)
        status = self.pod(namespace).status
        states = [one.state.terminated for one in status.init_container_statuses or [] if one.state.terminated]
        last = status.container_statuses[0].state.terminated
        return next((one for one in states if one.exit_code), last)

    def came_to(self, namespace: str) -> tuple[int, str]:
        """Wait until its pod has ended, and return the exit code and what was reported."""
        ended = self.ended(namespace)
        reported = result.parse(ended.message)
        assert reported
        return int(ended.exit_code), reported.code

    def claim(self, namespace: str, name: str, source: Manifest) -> None:
        """A claim, with a volume of its own."""
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        volume = {
            **common,
            **source,
            "capacity": {"storage": "1Gi"},
            "claimRef": {"name": name, "namespace": namespace},
            "nodeAffinity": HERE,
        }
        self.core.create_persistent_volume({"metadata": {"name": f"{namespace}-{name}"}, "spec": volume})
        spec = {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": f"{namespace}-{name}"}
        self.core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": name}, "spec": spec})


HERE = {
    "required": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}]}
        ]
    }
}


class Rehearsed(Cluster):
    """The one of this machine: its disk is small, and Apple is the rehearsal's."""

    def __init__(self, home: Path, tools: Tools, node: RealNode) -> None:
        self.home, self._apple = home, apple.start(home)
        authority = apple.url_file(home).with_name("ca.pem")
        self._node = replace(node, size=str(SIZE), settings=_KUBELET, authority=authority)
        self._plane = ControlPlane(home, tools, self._node)
        self._plane.start()
        self.lead_to_apple()
        kubeconfig = str(self._plane.kubeconfig)
        super().__init__(Address(kubeconfig=kubeconfig, context="lab", identifier="lab"), real_node.first(home))

    def tell_apple(self, method: str, place: str, body: Any = None) -> None:
        """Tell the rehearsal something about Apple."""
        httpx.request(method, f"{self._apple}/lab/{place}", json=body, trust_env=False).raise_for_status()

    def lead_to_apple(self) -> None:
        """Have a way to Apple."""
        way_to_apple.lead_to(self.home, self._apple, real_node.within(self.home, "--net"))

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Have no way to Apple, for as long as a block lasts."""
        processes.end(self.home, {way_to_apple.PROCESS})
        yield
        self.lead_to_apple()

    def restart_kubelet(self) -> None:
        """End it, as an upgrade does, and start it again; containers run on."""
        processes.end(self.home, {"kubelet"})
        self._node.start_kubelet(self.home, NODE, self.home / "control-plane" / "node.kubeconfig")

    def restart_control_plane(self) -> None:
        """End all of it, as a node of control planes that starts again, and start it as it was."""
        names = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        ran = {marked.name: marked.process.cmdline() for marked in processes.find(self.home) if marked.name in names}
        processes.end(self.home, names)
        for name in names:
            processes.start(self.home, name, [*real_node.within(self.home, "--net"), *ran[name]])
        until(self._plane.running, 60)
