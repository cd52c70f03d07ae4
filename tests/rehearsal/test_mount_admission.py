"""`immich.mount: admission`: the API server adds the photos to each pod; the Deployment stays its owner's."""

from copy import deepcopy
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from tests.rehearsal.conftest import DEPLOYMENT, Bench, changed, stated, until

PATH = "/external/icloud"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
API = "admissionregistration.k8s.io/v1"
POLICIES = [
    Ref(API, f"{kind}AdmissionPolicy{suffix}", "immich-icloud-immich")
    for kind in ("Mutating", "Validating")
    for suffix in ("", "Binding")
]


@pytest.fixture(scope="module")
def found(bench: Bench) -> Manifest:
    return stated(bench.get(DEPLOYMENT))


def mount(bench: Bench, **mount: Any) -> None:
    bench.set(lambda settings: settings.update(immich={"mount": mount}))


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
    mounts = [{one["name"]: one["mountPath"] for one in pod["spec"]["containers"][0]["volumeMounts"]} for pod in found]
    assert all(each["library"] == "/usr/src/app/upload" for each in mounts), "the mounts of its owner stay"
    return [[each["icloud-import"]] if "icloud-import" in each else [] for each in mounts]


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
    bench.fail_start("require-photo-disk")
    before = stated(bench.get(DEPLOYMENT))
    mount(bench, kind="admission")
    run = bench.run("up")
    assert not run.succeeded
    assert any('"require-photo-disk" does not start' in error for error in run.errors)
    assert shown(bench) == [[]]
    assert stated(bench.get(DEPLOYMENT)) == before
    assert [ref for ref in POLICIES if bench.cluster.get(ref)] == []
    bench.fail_start(None)
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
    bench.fail_start("require-photo-disk-of-yesterday")
    assert shown(bench) == [[PATH]]
    mount(bench, kind="admission", path="/external/photos")
    bench.fail_start("require-photo-disk")
    assert not bench.run("up").succeeded
    bench.fail_start(None)
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


# another shape: the server split into a StatefulSet behind a sidecar, and a DaemonSet that has machine learning, too

API_SET = Ref("apps/v1", "StatefulSet", "immich-api", "immich")
WORKERS = Ref("apps/v1", "DaemonSet", "immich-microservices", "immich")
SIDECAR = {"name": "gluetun", "image": "qmcgaw/gluetun:v3"}
LEARNING = {"name": "learning", "image": "ghcr.io/immich-app/immich-machine-learning:v2.4.1"}


def split(found: Manifest, image: str = "v2.4.1", name: str = "immich") -> list[Manifest]:
    """Both workloads as their owner writes them."""
    pod = found["spec"]["template"]["spec"]
    (server,) = pod["containers"]

    def workload(ref: Ref, label: str, containers: list[Manifest], spec: Manifest) -> Manifest:
        labels = {"app.kubernetes.io/instance": "immich", "app.kubernetes.io/name": label}
        template = {"metadata": {"labels": labels}, "spec": {**pod, "containers": containers}}
        metadata = {"name": ref.name, "namespace": ref.namespace}
        stated = {**spec, "selector": {"matchLabels": labels}, "template": template}
        return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": stated}

    image = f"nas.lan:5000/immich-server:{image}"
    api, workers = (
        {**server, "name": name, "image": image, "env": [{"name": f"IMMICH_WORKERS_{which}", "value": "api"}]}
        for which in ("INCLUDE", "EXCLUDE")
    )
    of_set = {"replicas": 1, "serviceName": "immich-server"}
    return [
        workload(API_SET, "server", [SIDECAR, api], of_set),
        workload(WORKERS, "microservices", [LEARNING, workers], {}),
    ]


def photos_in(bench: Bench) -> dict[str, bool]:
    """Whether the photos are in each container of each pod that is to stay."""
    pods = bench.cluster.list(Ref("v1", "Pod", "", "immich"), labelSelector="app.kubernetes.io/instance=immich")
    return {
        f"{owner['name']}/{one['image'].rpartition('/')[2]}": any(
            mount["mountPath"] == PATH and mount.get("readOnly") for mount in one.get("volumeMounts", [])
        )
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for owner in pod["metadata"]["ownerReferences"]
        if owner["name"] in {API_SET.name, WORKERS.name}
        for one in pod["spec"]["containers"]
    }


def everywhere(image: str) -> dict[str, bool]:
    return {
        f"{API_SET.name}/gluetun:v3": False,
        f"{API_SET.name}/immich-server:{image}": True,
        f"{WORKERS.name}/immich-machine-learning:v2.4.1": False,
        f"{WORKERS.name}/immich-server:{image}": True,
    }


@pytest.mark.parametrize("kind", ["entries", "admission"])
def test_each_container_of_the_image_has_the_photos_whatever_the_workloads_are(
    bench: Bench, found: Manifest, kind: str
) -> None:
    for ref in (DEPLOYMENT, API_SET, WORKERS):
        if bench.cluster.get(ref):
            bench.delete(ref)
    for one in split(found):
        bench.cluster.apply(one, "argocd-controller")
    until(lambda: photos_in(bench) == dict.fromkeys(everywhere("v2.4.1"), False), "the pods run without photos")
    before = [stated(bench.get(ref)) for ref in (API_SET, WORKERS)]
    mount(bench, kind=kind)
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    for ref in (API_SET, WORKERS):
        assert any(f"{ref}: " in one.text and "Immich restarts once" in one.text for one in preview.diagnostics)
    run = bench.up()
    assert photos_in(bench) == everywhere("v2.4.1")
    assert run.outputs["mounted_into"] == f"{API_SET}, container immich; {WORKERS}, container immich"
    assert changed(bench.up()) == []

    for one in split(found, "v2.4.2", "main"):  # its owner upgrades, and renames the container
        bench.cluster.apply(one, "argocd-controller")
    if kind == "entries":
        until(lambda: photos_in(bench) == {}, "the old pods are gone, and no new one is admitted")
        bench.up()
    until(lambda: photos_in(bench) == everywhere("v2.4.2"), "the new pods have the photos")
    if kind == "admission":
        assert changed(bench.up()) == []

    bench.destroy()
    until(lambda: photos_in(bench) == dict.fromkeys(everywhere("v2.4.2"), False), "the pods have none")
    for one, was in zip(split(found, "v2.4.2", "main"), before, strict=True):
        live = stated(bench.get(Ref.of(one)))
        assert live["metadata"]["annotations"].keys() == was["metadata"]["annotations"].keys()
        assert live["metadata"].get("labels") == was["metadata"].get("labels")
        assert live["spec"]["template"]["spec"]["volumes"] == was["spec"]["template"]["spec"]["volumes"]
        assert "initContainers" not in live["spec"]["template"]["spec"]
        names = [each["name"] for each in live["spec"]["template"]["spec"]["containers"]]
        assert names == [each["name"] for each in one["spec"]["template"]["spec"]["containers"]]
