"""A disk that is mounted on the node: marked, looked for, and unmounted."""

import http.client

import pytest

from clients import jobs
from clients.jobs import JobError
from clients.kubernetes import Ref
from clients.result import Code
from components import disk_check
from components.photo_disk import MARK
from lab.apple.world import CODE
from ops.mark_disk import mark_disk
from tests.lab.conftest import until
from tests.real_node.cluster import Cluster, Rehearsed
from tests.real_node.stack import OnNode

pytestmark = pytest.mark.long
PARENT = "/var/mnt/disks"
PATH = f"{PARENT}/photos"
SIGNED_OUT = "has no valid session"


@pytest.fixture(scope="module")
def house(rehearsed: Rehearsed) -> OnNode:
    """A stack whose photos are on a disk of their own."""
    rehearsed.mount(PARENT)
    return OnNode.deployed(rehearsed, "disk", storage={"path": PATH}, minFreeSpace="1Gi")


def check(house: OnNode) -> None:
    jobs.run(house.cluster.api, disk_check.job(house.settings, house.stack.ownership), lambda _: None)


def test_the_right_disk_is_found(house: OnNode) -> None:
    check(house)
    with pytest.raises(JobError, match=SIGNED_OUT):
        house.sync()


def test_a_disk_is_marked_by_who_types_its_path(house: OnNode) -> None:
    (house.photos.parent / MARK).unlink()
    with pytest.raises(JobError, match="the photo disk is not there"):
        check(house)
    with pytest.raises(JobError, match=r"marker file \.immich-icloud is missing"):
        house.sync()
    said: list[str] = []
    mark_disk(house.stack, None, lambda _: PATH, said.append)
    assert "  Folders: 1, beginning with: icloud-import" in said
    assert "  It is on the same filesystem as its parent directory: no disk is mounted there" in said
    check(house)
    with pytest.raises(JobError, match=SIGNED_OUT):
        house.sync()


def test_unmounted_while_a_sync_runs(house: OnNode) -> None:
    """The pod keeps the disk that it began with: nothing is written in the empty place beneath."""
    house.sign_in(CODE)
    job = house.fetching()
    house.cluster.on_node("umount", "--lazy", PARENT)
    end = house.end(job)
    assert end.result
    assert end.result.code == Code.SYNCED
    assert list(house.cluster.place(PARENT).iterdir()) == []
    # The runtime makes an empty directory in the disk's place, as the volume's type is "".
    with pytest.raises(JobError, match=r"marker file \.immich-icloud is missing"):
        house.sync()
    assert list(house.photos.parent.iterdir()) == []


def test_a_port_of_immich_is_forwarded(cluster: Cluster) -> None:
    probe = {"httpGet": {"path": "/api/server/ping", "port": 2283}, "periodSeconds": 1}
    image = "ghcr.io/immich-app/immich-server:v2.4.1"
    server = {"name": "server", "image": image, "imagePullPolicy": "Never", "readinessProbe": probe}
    cluster.core.create_namespace({"metadata": {"name": "forwarded"}})
    until(lambda: cluster.core.list_namespaced_service_account("forwarded").items)
    spec = {"containers": [server], "terminationGracePeriodSeconds": 1}
    cluster.core.create_namespaced_pod("forwarded", {"metadata": {"name": "pod"}, "spec": spec})
    until(lambda: any(one.ready for one in cluster.pod("forwarded").status.container_statuses or ()), 60)
    pod = Ref("v1", "Pod", "pod", "forwarded")

    def answered() -> int:
        connection = http.client.HTTPConnection("immich")
        connection.sock = cluster.api.connect(pod, 2283)
        connection.request("GET", "/api/server/ping")
        return connection.getresponse().status

    assert [answered(), answered()] == [200, 200]
    cluster.core.delete_namespaced_pod("pod", "forwarded")
