"""A rollout that fails restores the previous configuration, says why, and leaves nothing in the state."""

from copy import deepcopy

import pytest

from tests.rehearsal.conftest import DEPLOYMENT, IMMICH, Bench, MakeBench, changed, stated, until

# The lab's node makes the init container of that name fail in pods with this annotation.
FAILING = "lab.immich-icloud/failing-init-container"


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("found")


def make_guard_fail(bench: Bench, container: str | None) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": {FAILING: container}}}}}
    bench.cluster.patch(DEPLOYMENT, patch, "argocd-controller")


def recreate(bench: Bench, *, yes: bool) -> None:
    """Let no old pod run until the new one is ready."""
    strategy = {"type": "Recreate"} if yes else {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}
    bench.cluster.patch(DEPLOYMENT, {"spec": {"strategy": {"rollingUpdate": None, **strategy}}}, "argocd-controller")


def test_an_unmarked_disk_stops_the_first_up(bench: Bench) -> None:
    make_guard_fail(bench, "require-photo-disk")
    found = stated(bench.get(DEPLOYMENT))
    run = bench.run("up")
    assert not run.succeeded
    (error,) = (text for text in run.errors if "require-photo-disk" in text)
    assert 'container "require-photo-disk" does not start' in error
    assert "Rolled back to the previous configuration" in error
    assert stated(bench.get(DEPLOYMENT)) == found
    assert not any(e["manager"].startswith("immich-icloud") for e in bench.get(DEPLOYMENT)["metadata"]["managedFields"])
    assert "immich-mount-fragment" not in (bench.home / "state/.pulumi/stacks/immich-icloud/lab.json").read_text()


def test_the_next_up_completes(bench: Bench) -> None:
    make_guard_fail(bench, None)
    assert ("create", "immich-mount-fragment") in changed(bench.up())


def test_a_failing_update_goes_back_to_the_mount_before(bench: Bench) -> None:
    before = deepcopy(bench.pod())
    make_guard_fail(bench, "require-photo-disk-of-yesterday")
    assert changed(bench.up()) == []
    make_guard_fail(bench, "require-photo-disk")
    recreate(bench, yes=True)
    bench.set(lambda s: s.update(immich={"mount": {"path": "/external/photos"}}))
    run = bench.run("up")
    assert not run.succeeded
    assert bench.pod()["containers"][0]["volumeMounts"] == before["containers"][0]["volumeMounts"]
    make_guard_fail(bench, None)
    until(lambda: bench.get(DEPLOYMENT)["status"].get("readyReplicas") == 1, "the policy admits what was restored")
    assert ("update", "immich-mount-policy-policy") in changed(bench.up())
    recreate(bench, yes=False)
    assert changed(bench.up()) == []
    assert "/external/photos" in str(bench.pod()["containers"][0]["volumeMounts"])
    bench.reset_settings()
    bench.up()
    assert bench.pod() == before


def test_removal_hangs_on_neither_immich_nor_the_stack_file(bench: Bench) -> None:
    bench.delete(DEPLOYMENT)
    bench.set(lambda s: s.update(host="https://broken"))
    bench.destroy()
    assert not any("pod-security" in label for label in bench.get(IMMICH)["metadata"]["labels"])
