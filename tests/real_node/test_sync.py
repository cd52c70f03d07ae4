"""The sync: the released icloudpd, as its pod runs it, and the rehearsal's Apple."""

import os
from collections.abc import Callable

import pytest

from clients.jobs import JobError
from clients.kubernetes import Manifest
from clients.result import Code
from lab.apple.world import CODE
from tests.accounts import APPLE_ID
from tests.lab.conftest import until
from tests.real_node.cluster import NODE, SIZE, Rehearsed
from tests.real_node.stack import ACCOUNT, OnNode

PHOTOS = [{"name": f"IMG_{number}.JPG", "taken": f"2026-0{number}-01T12:00"} for number in range(1, 5)]


@pytest.fixture(scope="module")
def house(rehearsed: Rehearsed) -> OnNode:
    """A stack on a local volume, with an account that is signed in."""
    house = OnNode.deployed(rehearsed, "sync", storage={"kind": "local"})
    rehearsed.tell_apple("PUT", f"accounts/{APPLE_ID}", {"photos": PHOTOS, "more": 0})
    with pytest.raises(JobError, match="no valid session"):
        house.sync()
    house.sign_in(CODE)
    return house


def test_photos_are_fetched_for_their_owner(house: OnNode) -> None:
    assert any(line.startswith(f"{ACCOUNT}: 4 fetched") for line in house.sync())
    assert len(list(house.photos.rglob("*.JPG"))) == 4
    assert house.owners() == {(1000, 1001)}


def test_no_file_of_a_local_volume_is_touched(house: OnNode) -> None:
    """For a pod with fsGroup a kubelet makes it 0660 and the group's, whatever the pod does."""
    private = house.photos.parent / "private.jpg"
    private.write_text("photo")
    private.chmod(0o600)
    os.chown(private, 1234, 1235)
    mode = house.photos.parent.stat().st_mode
    house.sync()
    found = private.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o600, 1234, 1235)
    assert house.photos.parent.stat().st_mode == mode


def test_the_session_is_private(house: OnNode) -> None:
    files = [file for file in house.session.rglob("*") if file.is_file()]
    assert files
    assert {(file.stat().st_uid, file.stat().st_mode & 0o077) for file in files} == {(1000, 0)}


def test_no_password_is_on_the_node_after_the_pods(house: OnNode) -> None:
    pods = house.cluster.place("/var/lib/kubelet/pods")
    until(lambda: not [file for file in pods.rglob("password") if file.is_file()])


def test_the_floor_on_the_kubelets_own_filesystem(house: OnNode) -> None:
    def keep(spec: Manifest) -> None:
        environment(spec)["FLOOR_NODE"]["value"] = "99%"

    (house.photos / "full").write_bytes(bytes(SIZE // 50))
    end = house.end(house.start(keep))
    (house.photos / "full").unlink()
    assert end.result
    assert (end.result.code, end.result.on_node) == (Code.NO_SPACE, True)


@pytest.mark.long
def test_the_deadline_lets_it_end_in_good_order(house: OnNode) -> None:
    job = house.fetching()
    house.cluster.batch.patch_namespaced_job(job.name, job.namespace, {"spec": {"activeDeadlineSeconds": 1}})
    end = house.end(job)
    assert end.reason.startswith("the Job was ended by its deadline")
    house.await_gone(job)
    settle(house)


@pytest.mark.long
def test_a_deletion_is_reported_last(house: OnNode) -> None:
    job = house.fetching()
    pod = house.pod_of(job)
    assert pod
    log = house.cluster.core.read_namespaced_pod_log(
        pod["metadata"]["name"], job.namespace, follow=True, _preload_content=False
    )
    house.cluster.batch.delete_namespaced_job(job.name, job.namespace, propagation_policy="Foreground")
    assert b'{"code":"stopped",' in log.read()
    house.await_gone(job)
    settle(house)


@pytest.mark.long
def test_too_little_memory_is_the_reason(house: OnNode) -> None:
    def restrict(spec: Manifest) -> None:
        container(spec)["resources"] = {"limits": {"memory": "64Mi"}}

    assert house.end(house.start(restrict)).reason == ("the container was killed: it needed more memory than its limit")


@pytest.mark.long
@pytest.mark.parametrize("restart", [Rehearsed.restart_kubelet, Rehearsed.restart_control_plane])
def test_it_outlives_its_kubelet_and_the_control_plane(house: OnNode, restart: Callable[[Rehearsed], None]) -> None:
    job = house.fetching()
    restart(house.cluster)
    end = house.end(job)
    assert end.result
    assert (end.result.code, end.cut_short) == (Code.SYNCED, False)


def test_an_eviction_is_the_reason(house: OnNode) -> None:
    """It comes to that only where the floor is below the kubelet's own."""

    def keep_nothing(spec: Manifest) -> None:
        environment(spec)["FLOOR_NODE"]["value"] = "0"

    # The kubelet looks once in ten seconds, or less often: a fast machine must not be done by then.
    job = house.fetching(keep_nothing, 8000)
    full = house.cluster.place("/var/mnt/full")
    full.write_bytes(bytes(int(SIZE * 0.7)))
    try:
        end = house.end(job)
    finally:
        full.unlink()
    until(lambda: not node_is_pressed(house))
    assert end.reason.startswith("the pod was evicted by its node: The node was low on resource: ephemeral-storage.")


def node_is_pressed(house: OnNode) -> bool:
    conditions = house.cluster.core.read_node(NODE).status.conditions
    return any(one.type == "DiskPressure" and one.status == "True" for one in conditions)


def settle(house: OnNode) -> None:
    """Have Apple announce what is there, and a run find it complete."""
    house.cluster.tell_apple("PUT", f"accounts/{APPLE_ID}", {"more": 0})
    house.sync()


def container(spec: Manifest) -> Manifest:
    found: Manifest
    (found,) = spec["template"]["spec"]["containers"]
    return found


def environment(spec: Manifest) -> dict[str, Manifest]:
    return {one["name"]: one for one in container(spec)["env"]}
