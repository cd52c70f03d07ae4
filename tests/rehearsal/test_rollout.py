"""A rollout that fails restores the previous configuration, says why, and leaves nothing in the state."""

from copy import deepcopy

from tests.rehearsal.conftest import DEPLOYMENT, IMMICH, Bench, changed, stated, until


def recreate(bench: Bench, *, yes: bool) -> None:
    """Let no old pod run until the new one is ready."""
    strategy = {"type": "Recreate"} if yes else {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}
    bench.cluster.patch(DEPLOYMENT, {"spec": {"strategy": {"rollingUpdate": None, **strategy}}}, "argocd-controller")


def test_an_unmarked_disk_stops_the_first_up(bench: Bench) -> None:
    bench.fail_start("require-photo-disk")
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
    bench.fail_start(None)
    assert ("create", "immich-mount-fragment") in changed(bench.up())


def test_a_failing_update_goes_back_to_the_mount_before(bench: Bench) -> None:
    before = deepcopy(bench.pod())
    bench.fail_start("require-photo-disk-of-yesterday")
    assert changed(bench.up()) == []
    bench.fail_start("require-photo-disk")
    recreate(bench, yes=True)
    bench.set(lambda s: s.update(immich={"mount": {"path": "/external/photos"}}))
    run = bench.run("up")
    assert not run.succeeded
    assert bench.pod()["containers"][0]["volumeMounts"] == before["containers"][0]["volumeMounts"]
    bench.fail_start(None)
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
