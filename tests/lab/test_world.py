"""The homelab is put in place as it was, by those who put it there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from lab import world
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.toolchain import Tools

TRACKING = "argocd.argoproj.io/tracking-id"


@pytest.fixture(scope="module")
def found(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    plane = ControlPlane(tmp_path_factory.mktemp("found"), tools)
    try:
        plane.start()
        world.put(plane.kubeconfig, "found")
        yield plane.kubeconfig
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def by_hand(found: Path) -> Path:
    """The same homelab after iteration 6, the ingress still tracked by ArgoCD. What is about `found` comes first."""
    with connect(found) as api:
        client.CoreV1Api(api).delete_namespaced_config_map("rehearsal", "kube-system")
    world.put(found, "iteration6-argocd")
    return found


def managers(thing: Any) -> set[tuple[str, str]]:
    return {(entry.manager, entry.operation) for entry in thing.metadata.managed_fields if entry.subresource is None}


def versions(kubeconfig: Path) -> dict[str, str]:
    with connect(kubeconfig) as api:
        core, apps, batch, networking = (
            client.CoreV1Api(api), client.AppsV1Api(api), client.BatchV1Api(api), client.NetworkingV1Api(api),
        )  # fmt: skip
        lists = (
            core.list_namespace, core.list_persistent_volume, core.list_persistent_volume_claim_for_all_namespaces,
            core.list_service_for_all_namespaces, core.list_pod_for_all_namespaces,
            core.list_config_map_for_all_namespaces, apps.list_deployment_for_all_namespaces,
            apps.list_stateful_set_for_all_namespaces, batch.list_job_for_all_namespaces,
            networking.list_ingress_for_all_namespaces,
        )  # fmt: skip
        return {thing.metadata.uid: thing.metadata.resource_version for listed in lists for thing in listed().items}


def test_immich_runs_unlabelled_with_a_volume_of_its_own(found: Path) -> None:
    with connect(found) as api:
        namespace = client.CoreV1Api(api).read_namespace("immich")
        server = client.AppsV1Api(api).read_namespaced_deployment("immich-server", "immich")
        pods = client.CoreV1Api(api).list_namespaced_pod("immich").items
    assert not any(label.startswith("pod-security") for label in namespace.metadata.labels)
    assert managers(server) == {("argocd-controller", "Apply")}
    assert server.metadata.annotations[TRACKING] == "immich:apps/Deployment:immich/immich-server"
    assert [volume.name for volume in server.spec.template.spec.volumes] == ["library"]
    assert server.status.available_replicas == 1
    assert sorted(pod.metadata.name.rsplit("-", 2)[0] for pod in pods if "-0" not in pod.metadata.name) == [
        "immich-machine-learning",
        "immich-server",
    ]
    assert {"immich-postgresql-0", "immich-redis-master-0"} <= {pod.metadata.name for pod in pods}


def test_the_service_is_on_3001_before_2283(found: Path) -> None:
    with connect(found) as api:
        (port,) = client.CoreV1Api(api).read_namespaced_service("immich-server", "immich").spec.ports
    assert (port.name, port.port, port.target_port) == ("http", 3001, 2283)


def test_mealie_has_public_access(found: Path) -> None:
    with connect(found) as api:
        ingress = client.NetworkingV1Api(api).read_namespaced_ingress("mealie", "mealie")
    assert (ingress.spec.ingress_class_name, ingress.spec.rules[0].host) == ("nginx", "mealie.coultonf.com")


def test_nothing_of_iteration_6_is_there(found: Path) -> None:
    with connect(found) as api:
        core = client.CoreV1Api(api)
        assert "photo-sync" not in {namespace.metadata.name for namespace in core.list_namespace().items}
        assert "icloud-photos-shared" not in {volume.metadata.name for volume in core.list_persistent_volume().items}


def test_putting_it_again_changes_nothing(found: Path) -> None:
    before = versions(found)
    world.put(found, "found")
    assert versions(found) == before


def test_another_world_is_refused_with_what_to_do(found: Path) -> None:
    with pytest.raises(LabError, match="holds the world 'found', not 'iteration6': run `make down` first"):
        world.put(found, "iteration6")


def test_the_mount_was_patched_in_by_hand(by_hand: Path) -> None:
    with connect(by_hand) as api:
        server = client.AppsV1Api(api).read_namespaced_deployment("immich-server", "immich")
    assert managers(server) >= {("argocd-controller", "Apply"), ("kubectl-patch", "Update")}
    volume = server.spec.template.spec.volumes[-1]
    mount = server.spec.template.spec.containers[0].volume_mounts[-1]
    assert (volume.name, volume.host_path.path, volume.host_path.type) == (
        "icloud-import", "/var/mnt/icloud-photos", "Directory",
    )  # fmt: skip
    assert (mount.name, mount.mount_path, mount.read_only) == ("icloud-import", "/external/icloud", True)
    assert server.status.available_replicas == 1


def test_the_labels_and_volumes_were_made_by_hand(by_hand: Path) -> None:
    with connect(by_hand) as api:
        core = client.CoreV1Api(api)
        immich, sync = core.read_namespace("immich"), core.read_namespace("photo-sync")
        volume = core.read_persistent_volume("icloud-photos-shared")
        claim = core.read_namespaced_persistent_volume_claim("icloud-photos", "photo-sync")
        job = client.BatchV1Api(api).read_namespaced_job("create-icloud-directory", "photo-sync")
    for namespace, manager in ((immich, "kubectl-label"), (sync, "kubectl-client-side-apply")):
        assert (manager, "Update") in managers(namespace)
        for mode in ("enforce", "warn", "audit"):
            assert namespace.metadata.labels[f"pod-security.kubernetes.io/{mode}"] == "privileged"
    for thing in (sync, volume, claim, job):
        assert ("kubectl-client-side-apply", "Update") in managers(thing)
        assert "kubectl.kubernetes.io/last-applied-configuration" in thing.metadata.annotations
    assert (claim.status.phase, claim.spec.volume_name) == ("Bound", "icloud-photos-shared")
    assert volume.spec.persistent_volume_reclaim_policy == "Retain"
    assert job.status.succeeded == 1


def test_argocd_tracks_the_ingress_until_the_handover(by_hand: Path) -> None:
    with connect(by_hand) as api:
        ingress = client.NetworkingV1Api(api).read_namespaced_ingress("immich-ingress", "immich")
    assert managers(ingress) == {("argocd-controller", "Apply")}
    assert TRACKING in ingress.metadata.annotations
    (handed_over,) = [
        thing for step in world.steps("iteration6") for thing in step.objects if thing["kind"] == "Ingress"
    ]
    assert TRACKING not in handed_over["metadata"]["annotations"]


def test_an_interrupted_put_is_completed(by_hand: Path) -> None:
    with connect(by_hand) as api:
        core = client.CoreV1Api(api)
        core.patch_namespaced_config_map("rehearsal", "kube-system", {"data": {"complete": "false"}})
        world.put(by_hand, "iteration6-argocd")
        server = client.AppsV1Api(api).read_namespaced_deployment("immich-server", "immich")
        assert core.read_namespaced_config_map("rehearsal", "kube-system").data["complete"] == "true"
    assert [volume.name for volume in server.spec.template.spec.volumes] == ["library", "icloud-import"]


def test_argocd_restores_what_it_tracks_and_nothing_else(by_hand: Path) -> None:
    with connect(by_hand) as api:
        apps = client.AppsV1Api(api)
        apps.patch_namespaced_deployment_scale("immich-machine-learning", "immich", {"spec": {"replicas": 0}})
        world.argocd_syncs(by_hand, "iteration6-argocd")
        assert apps.read_namespaced_deployment("immich-machine-learning", "immich").spec.replicas == 1
        server = apps.read_namespaced_deployment("immich-server", "immich")
    assert "icloud-import" in {volume.name for volume in server.spec.template.spec.volumes}
