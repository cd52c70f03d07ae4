"""What the stack's pods do under a real kubelet: each in a namespace that enforces the level that we compute for it."""

import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from clients.kubernetes import Manifest
from components import directory, images, immich_mount, pod_security
from components.ownership import Ownership
from components.photo_disk import IMPORT_FOLDER, MARK, RECORD
from components.photo_sync import credentials_secret
from lab import processes
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.real_node import node as real_node
from lab.real_node.node import RealNode
from lab.toolchain import Tools
from settings.storage import HostPath, Owner
from tests.accounts import APPLE_ID, DISK_ID, PASSWORD, household, sync_job
from tests.lab.test_node import until
from tests.objects import STACK

PHOTOS = "/var/mnt/photos"
STORAGE = HostPath(kind="hostPath", node="talos-1ca-62z", path=PHOTOS, owner=Owner(uid=1000, gid=1001))
SETTINGS = household(storage=STORAGE.model_dump(by_alias=True, exclude_unset=True))
# icloudpd unpacks itself into 108 MB of it.
SIZE = 512 * 2**20


class Cluster:
    """A control plane with a real node whose root is small; each namespace is used once."""

    def __init__(self, home: Path, tools: Tools, node: RealNode) -> None:
        thresholds = {"memory.available": "10Mi", "nodefs.available": "20%", "imagefs.available": "0%"}
        self.home, self.node = home, replace(node, size=str(SIZE), settings={"evictionHard": thresholds})
        self.plane = ControlPlane(home, tools, self.node)
        self.plane.start()
        self.disk = real_node.root(home)
        api = connect(self.plane.kubeconfig)
        self.core, self.batch = client.CoreV1Api(api), client.BatchV1Api(api)

    def start(self, name: str, pod: Manifest) -> None:
        """Run a pod in a namespace of its own."""
        self.namespace(name, pod)
        self.core.create_namespaced_pod(name, {"metadata": {"name": "pod"}, "spec": pod})

    def namespace(self, name: str, pod: Manifest) -> None:
        level = pod_security.needed(pod)
        self.core.create_namespace({"metadata": {"name": name, "labels": pod_security.labels(level)}})
        identity = {"metadata": {"name": RECORD}, "data": {"id": DISK_ID}}
        self.core.create_namespaced_config_map(name, identity)
        until(lambda: self.core.list_namespaced_service_account(name).items)

    def pod(self, name: str) -> Any:
        return self.core.read_namespaced_pod("pod", name)

    def ended(self, name: str) -> Any:
        """Wait until its pod has ended, and return how its container did."""
        until(lambda: self.pod(name).status.phase in {"Succeeded", "Failed"}, 90)
        return self.pod(name).status.container_statuses[0].state.terminated

    def log(self, name: str) -> str:
        return str(self.core.read_namespaced_pod_log("pod", name, _preload_content=False).data.decode())

    def claim(self, namespace: str, name: str, path: str) -> None:
        """A claim of a folder of the node."""
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        metadata = {"name": name, "namespace": namespace}
        volume = {**common, "capacity": {"storage": "1Gi"}, "claimRef": metadata, "hostPath": {"path": path}}
        self.core.create_persistent_volume({"metadata": {"name": name}, "spec": volume})
        spec = {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name}
        self.core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": name}, "spec": spec})

    def place(self, path: str) -> Path:
        return self.disk / path.lstrip("/")


@pytest.fixture(scope="module")
def cluster(
    tools: Tools, the_real_node: RealNode | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    assert the_real_node
    home = tmp_path_factory.mktemp("real")
    try:
        yield Cluster(home, tools, the_real_node)
    finally:
        processes.end(home)
        the_real_node.remove(home)


def make_directory(cluster: Cluster, name: str) -> Any:
    job = directory.job(SETTINGS.storage, (IMPORT_FOLDER,), name, Ownership(STACK), beside_one_made_by_hand=False)
    cluster.start(name, job["spec"]["template"]["spec"])
    return cluster.ended(name)


def immich(storage: HostPath) -> Manifest:
    """A pod with Immich's image and what this stack adds to it."""
    fragment = immich_mount.fragment(SETTINGS.immich, storage, "server", Ownership(STACK))
    pod: Manifest = copy.deepcopy(fragment["spec"]["template"]["spec"])
    pod["containers"][0] |= {"image": images.BUSYBOX, "command": ["sh", "-c", "ls -A /*/*/.* >/dev/null; true"]}
    return {**pod, "restartPolicy": "Never"}


def test_immich_waits_for_the_directory(cluster: Cluster) -> None:
    cluster.start("unmounted", immich(STORAGE))
    until(lambda: cluster.core.list_namespaced_event("unmounted", field_selector="reason=FailedMount").items, 60)
    assert cluster.pod("unmounted").status.phase == "Pending"


def test_immich_does_not_start_on_an_unmarked_directory(cluster: Cluster) -> None:
    cluster.place("/var/mnt/unmarked").mkdir()
    cluster.start("unmarked", immich(STORAGE.model_copy(update={"path": "/var/mnt/unmarked"})))
    until(lambda: cluster.pod("unmarked").status.phase == "Failed", 60)
    (guard,) = cluster.pod("unmarked").status.init_container_statuses
    assert guard.state.terminated.exit_code == 1


def test_the_directory_is_made_marked_and_given_to_its_owner(cluster: Cluster) -> None:
    assert make_directory(cluster, "made").exit_code == 0
    place = cluster.place(PHOTOS)
    assert (place / MARK).is_file()
    for folder in (place, place / IMPORT_FOLDER):
        assert (folder.stat().st_uid, folder.stat().st_gid) == (1000, 1001)


def test_immich_starts_on_a_marked_directory(cluster: Cluster) -> None:
    cluster.start("marked", immich(STORAGE))
    assert cluster.ended("marked").exit_code == 0


def test_a_sync_that_reaches_nobody_says_so_last(cluster: Cluster) -> None:
    """The real icloudpd, as who it is to run as, on a read-only root; there is no way to Apple."""
    pod = sync_job(SETTINGS, FLOOR="0")["spec"]["template"]["spec"]
    cluster.namespace("sync", pod)
    cluster.claim("sync", SETTINGS.storage.claim, PHOTOS)
    session = cluster.place("/var/mnt/session")
    session.mkdir(mode=0o777)
    session.chmod(0o777)
    (session / "annaexamplecom.session").write_text('{"trust_token": "of-nobody"}')
    (session / "annaexamplecom.session").chmod(0o666)
    cluster.claim("sync", "icloud-cookies-anna", "/var/mnt/session")
    secret = {
        "metadata": {"name": credentials_secret("anna")},
        "stringData": {"appleId": APPLE_ID, "password": PASSWORD},
    }
    cluster.core.create_namespaced_secret("sync", secret)
    cluster.core.create_namespaced_pod("sync", {"metadata": {"name": "pod"}, "spec": pod})
    ended = cluster.ended("sync")
    assert ended.exit_code == 1
    last = cluster.log("sync").splitlines()[-1]
    assert json.loads(last)["code"] == "no-connection"
    assert ended.message.splitlines()[-1] == last


def test_a_full_disk_evicts_and_the_pod_says_why(cluster: Cluster) -> None:
    pod = sync_job(SETTINGS)["spec"]["template"]["spec"]
    waits = {**pod["containers"][0], "command": ["sh", "-c", "sleep 600"], "volumeMounts": [], "env": []}
    cluster.start("evicted", {**pod, "containers": [waits], "volumes": []})
    until(lambda: cluster.pod("evicted").status.phase == "Running", 60)
    full = cluster.place("/var/mnt/full")
    try:
        with full.open("wb") as file:
            file.write(bytes(int(SIZE * 0.9)))
        until(lambda: cluster.pod("evicted").status.reason == "Evicted", 120)
    finally:
        with contextlib.suppress(OSError):
            full.unlink()
    status = cluster.pod("evicted").status
    assert status.phase == "Failed"
    assert status.message.startswith("The node was low on resource: ephemeral-storage. ")
    assert {one.reason for one in status.conditions if one.type == "DisruptionTarget"} == {"TerminationByKubelet"}
