"""`immich.mount: admission`: the API server adds the photos to each pod; the Deployment stays its owner's."""

from copy import deepcopy
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from tests.rehearsal.conftest import DEPLOYMENT, Bench, MakeBench, changed, stated, until

PATH = "/external/icloud"
# The lab's node makes the init container of that name fail in pods with this annotation.
FAILING = "lab.immich-icloud/failing-init-container"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
API = "admissionregistration.k8s.io/v1"
POLICIES = [
    Ref(API, f"{kind}AdmissionPolicy{suffix}", "immich-icloud-immich")
    for kind in ("Mutating", "Validating")
    for suffix in ("", "Binding")
]


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("found")


@pytest.fixture(scope="module")
def found(bench: Bench) -> Manifest:
    return stated(bench.get(DEPLOYMENT))


def mount(bench: Bench, **mount: Any) -> None:
    bench.set(lambda settings: settings.update(immich={"mount": mount}))


def failing(bench: Bench, container: str | None) -> None:
    patch = {"spec": {"template": {"metadata": {"annotations": {FAILING: container}}}}}
    bench.cluster.patch(DEPLOYMENT, patch, "argocd-controller")


def shown(bench: Bench) -> list[list[str]]:
    """Where the pods of Immich's server have the photos, once a single one runs."""

    found: list[Manifest] = []

    def settled() -> bool:
        live = bench.get(DEPLOYMENT)
        status = live["status"]
        pods = bench.cluster.list(Ref("v1", "Pod", "", "immich"), labelSelector="app.kubernetes.io/name=server")
        found[:] = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        return seen and len(found) == 1 and status.get("readyReplicas") == 1 == status.get("updatedReplicas")

    until(settled, "one pod runs")
    return [
        [one["mountPath"] for one in pod["spec"]["containers"][0]["volumeMounts"] if one["name"] == "icloud-import"]
        for pod in found
    ]


def without_restart(live: Manifest) -> Manifest:
    live = deepcopy(live)
    metadata = live["spec"]["template"]["metadata"]
    rest = {key: value for key, value in metadata.get("annotations", {}).items() if key != RESTARTED}
    live["spec"]["template"]["metadata"] = {
        **{key: value for key, value in metadata.items() if key != "annotations"},
        **({"annotations": rest} if rest else {}),
    }
    return live


def test_a_first_up_that_fails_leaves_nothing(bench: Bench, found: Manifest) -> None:
    failing(bench, "require-photo-disk")
    before = stated(bench.get(DEPLOYMENT))
    mount(bench, kind="admission")
    run = bench.run("up")
    assert not run.succeeded
    assert any('"require-photo-disk" does not start' in error for error in run.errors)
    assert shown(bench) == [[]]
    assert stated(bench.get(DEPLOYMENT)) == before
    assert [ref for ref in POLICIES if bench.cluster.get(ref)] == []
    failing(bench, None)
    assert stated(bench.get(DEPLOYMENT)) == found


def test_every_pod_has_the_photos_and_the_deployment_is_its_owners(bench: Bench, found: Manifest) -> None:
    assert ("create", "immich-mount-at-admission") in changed(bench.up())
    assert shown(bench) == [[PATH]]
    live = bench.get(DEPLOYMENT)
    assert without_restart(stated(live)) == found
    assert not any(entry["manager"].startswith("immich-icloud") for entry in live["metadata"]["managedFields"])
    assert all(bench.cluster.get(ref) for ref in POLICIES)


def test_second_up_reports_no_changes(bench: Bench) -> None:
    assert changed(bench.up()) == []


def test_a_write_of_the_whole_with_another_container_has_the_photos(bench: Bench, found: Manifest) -> None:
    bench.delete(DEPLOYMENT)
    metadata = {key: found["metadata"][key] for key in ("name", "namespace", "labels")}
    made = {**found, "metadata": metadata}
    made["spec"] = deepcopy(found["spec"])
    made["spec"]["template"]["spec"]["containers"][0]["name"] = "main"
    bench.cluster.create(made, "helm")
    assert shown(bench) == [[PATH]]
    assert changed(bench.up()) == []


def test_a_change_that_fails_goes_back_to_the_photos_before(bench: Bench) -> None:
    failing(bench, "require-photo-disk-of-yesterday")
    assert shown(bench) == [[PATH]]
    mount(bench, kind="admission", path="/external/photos")
    failing(bench, "require-photo-disk")
    assert not bench.run("up").succeeded
    failing(bench, None)
    assert shown(bench) == [[PATH]]
    bench.up()
    assert shown(bench) == [["/external/photos"]]


def test_the_mount_passes_to_entries_and_back_without_a_pod_that_lacks_it(bench: Bench) -> None:
    for kind in ("entries", "admission"):
        mount(bench, kind=kind)
        bench.up()
        assert shown(bench) == [[PATH]]
        assert changed(bench.up()) == []


def test_removal_leaves_the_deployment_as_it_was(bench: Bench) -> None:
    before = without_restart(stated(bench.get(DEPLOYMENT)))
    bench.destroy()
    assert shown(bench) == [[]]
    assert stated(bench.get(DEPLOYMENT)) == before
    assert [ref for ref in POLICIES if bench.cluster.get(ref)] == []
