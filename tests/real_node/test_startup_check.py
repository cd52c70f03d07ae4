"""What keeps Immich from starting without the photos' disk."""

import copy
import os
from pathlib import Path

import pytest

from clients.kubernetes import Manifest
from clients.result import Code
from components import images, immich_mount
from components.ownership import Ownership
from components.photo_disk import MARK
from components.storage import claim_for_immich
from settings.storage import HostPath, Local, Owner, Storage
from tests.accounts import DISK_ID, household
from tests.lab.conftest import until
from tests.objects import STACK, server
from tests.real_node.cluster import NODE, Cluster

READS = "ls /*/*/.immich-icloud && ! touch /*/*/new"
WAITS = "trap exit TERM; sleep 3600 & wait"


def immich(storage: Storage, script: str, restart: str = "Never") -> Manifest:
    """A pod with what this stack adds to Immich's."""
    settings = household(storage=storage.model_dump(by_alias=True, exclude_unset=True)).immich
    fragment = immich_mount.fragment(settings, storage, server("server"), Ownership(STACK))
    pod: Manifest = copy.deepcopy(fragment["spec"]["template"]["spec"])
    pod["containers"][0] |= {"image": images.BUSYBOX, "command": ["sh", "-c", script]}
    return {**pod, "restartPolicy": restart, "terminationGracePeriodSeconds": 1}


def stored(kind: str, name: str) -> Storage:
    common = {"node": NODE, "path": f"/var/mnt/{name}", "owner": Owner(uid=1000, gid=1001)}
    return Local(kind="local", **common) if kind == "local" else HostPath(kind="hostPath", **common)


def start(cluster: Cluster, name: str, storage: Storage, script: str, restart: str = "Never") -> None:
    pod = immich(storage, script, restart)
    cluster.namespace(name, pod)
    if isinstance(storage, Local):
        cluster.claim(name, claim_for_immich(storage), {"local": {"path": storage.path}})
    cluster.core.create_namespaced_pod(name, {"metadata": {"name": "pod"}, "spec": pod})


def mark(place: Path) -> None:
    (place / MARK).write_text(f"id: {DISK_ID}\n")


def test_it_waits_for_the_directory(cluster: Cluster) -> None:
    start(cluster, "check-away", stored("hostPath", "check-away"), READS)
    until(lambda: cluster.core.list_namespaced_event("check-away", field_selector="reason=FailedMount").items, 60)
    assert cluster.pod("check-away").status.phase == "Pending"
    assert not cluster.place("/var/mnt/check-away").exists()


@pytest.mark.parametrize(("name", "content"), [("check-unmarked", None), ("check-other", "id: 2-00000000000000bb\n")])
def test_it_does_not_start_on_another_disk(cluster: Cluster, name: str, content: str | None) -> None:
    place = cluster.place(f"/var/mnt/{name}")
    place.mkdir()
    if content:
        (place / MARK).write_text(content)
    start(cluster, name, stored("hostPath", name), READS)
    assert cluster.came_to(name) == (1, Code.NO_MARK)
    assert cluster.pod(name).status.container_statuses[0].state.terminated is None


def test_it_starts_on_the_right_disk_which_only_its_owner_may_read(cluster: Cluster) -> None:
    place = cluster.place("/var/mnt/check-marked")
    place.mkdir(mode=0o700)
    mark(place)
    for path in (place, place / MARK):
        os.chown(path, 1000, 1001)
    start(cluster, "check-marked", stored("hostPath", "check-marked"), READS)
    assert cluster.ended("check-marked").exit_code == 0


@pytest.mark.parametrize("kind", ["hostPath", "local"])
def test_it_starts_by_itself_once_the_disk_is_mounted(cluster: Cluster, kind: str) -> None:
    name = f"later-{kind.lower()}"
    cluster.place(f"/var/mnt/{name}").mkdir()
    start(cluster, name, stored(kind, name), WAITS, "Always")

    def failed() -> bool:
        return any(one.restart_count for one in cluster.pod(name).status.init_container_statuses or ())

    until(failed, 60)
    mark(cluster.mount(f"/var/mnt/{name}"))
    until(lambda: cluster.pod(name).status.phase == "Running", 90)
    cluster.core.delete_namespaced_pod("pod", name)
    until(lambda: not cluster.core.list_namespaced_pod(name).items)
