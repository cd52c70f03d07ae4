"""The control plane starts, survives and behaves as a node on Talos would, and has the homelab as it was before."""

import dataclasses
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from lab import processes, world
from lab.cluster import connect
from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.ports import Ports
from lab.toolchain import Tools
from tests.lab.conftest import until

NAMES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "node"]
FAILING = "lab.immich-icloud/failing-init-container"


@pytest.fixture(scope="module")
def plane(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One whose ports were taken at the last moment before its start."""
    plane = ControlPlane(tmp_path_factory.mktemp("plane"), tools)
    choose = Ports.choose
    with socket.create_server(("127.0.0.1", 0)) as thief, pytest.MonkeyPatch.context() as patch:
        port = thief.getsockname()[1]
        choices = iter([Ports(etcd=port, api=port, node=port)])
        patch.setattr(Ports, "choose", lambda memory: next(choices, None) or choose(memory))
        plane.start()
        assert next(choices, None) is None
    yield plane
    plane.stop()


@pytest.fixture(scope="module")
def core(plane: ControlPlane) -> Iterator[Any]:
    with connect(plane.kubeconfig) as api:
        yield client.CoreV1Api(api)


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "busybox"}]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def port_of(plane: ControlPlane) -> int:
    server = yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    return int(server.rpartition(":")[2])


def test_kubeconfig_has_the_context_lab_and_is_private(plane: ControlPlane) -> None:
    content = yaml.safe_load(plane.kubeconfig.read_text())
    assert content["current-context"] == "lab"
    assert [cluster["name"] for cluster in content["clusters"]] == ["lab"]
    assert stat.S_IMODE(plane.kubeconfig.stat().st_mode) == 0o600


def test_starting_it_again_starts_nothing(plane: ControlPlane) -> None:
    before = [marked.process.pid for marked in processes.find(plane.kubeconfig.parent)]
    plane.start()
    assert [marked.process.pid for marked in processes.find(plane.kubeconfig.parent)] == before


def test_ports_taken_at_the_last_moment_are_replaced(plane: ControlPlane) -> None:
    assert plane.running()


def test_its_node_is_the_homelab_s(core: Any) -> None:
    (node,) = core.list_node().items
    assert node.metadata.name == node.metadata.labels["kubernetes.io/hostname"] == "talos-1ca-62z"
    assert "node-role.kubernetes.io/control-plane" in node.metadata.labels
    assert not node.spec.taints


def test_no_request_passes_without_a_token(plane: ControlPlane) -> None:
    with connect(plane.kubeconfig) as api:
        api.configuration.api_key.clear()
        with pytest.raises(client.ApiException) as refusal:
            client.CoreV1Api(api).list_node()
    assert refusal.value.status == 401


def test_a_namespace_without_labels_is_baseline_as_on_talos(core: Any) -> None:
    with pytest.raises(client.ApiException, match=r"violates PodSecurity.*baseline:latest.*hostPath"):
        core.create_namespaced_pod("default", pod("host", volumes=[{"name": "host", "hostPath": {"path": "/"}}]))


def test_kube_system_is_exempt(core: Any) -> None:
    until(lambda: core.list_namespaced_service_account("kube-system").items)
    core.create_namespaced_pod(
        "kube-system", pod("host", volumes=[{"name": "host", "hostPath": {"path": "/"}}]), dry_run="All"
    )


def test_a_pod_can_be_made_to_fail_in_an_init_container(core: Any) -> None:
    init = [{"name": name, "image": "busybox"} for name in ("before", "require-sentinel", "after")]
    failing = pod("fails", initContainers=init)
    failing["metadata"]["annotations"] = {FAILING: "require-sentinel"}
    core.create_namespaced_pod("default", failing)
    status = until(
        lambda: (live := core.read_namespaced_pod("fails", "default").status).init_container_statuses and live
    )
    assert status.phase == "Pending"
    before, sentinel, after = status.init_container_statuses
    assert before.state.terminated.exit_code == 0
    assert sentinel.state.waiting.reason == "CrashLoopBackOff"
    assert sentinel.restart_count == 2
    assert sentinel.last_state.terminated.exit_code == 1
    assert sentinel.last_state.terminated.message
    assert after.state.waiting.reason == "PodInitializing"


def test_that_annotation_does_nothing_without_the_init_container(core: Any) -> None:
    unaffected = pod("runs", initContainers=[{"name": "other", "image": "busybox"}])
    unaffected["metadata"]["annotations"] = {FAILING: "require-sentinel"}
    core.create_namespaced_pod("default", unaffected)
    until(lambda: core.read_namespaced_pod("runs", "default").status.phase == "Running")


def test_a_program_that_dies_is_named_with_its_last_output(home: Path, tools: Tools) -> None:
    broken = home / "broken-etcd"
    broken.write_text("#!/bin/sh\necho no database today\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(LabError, match=r"(?s)etcd ended at its start \(exit code 3\).*no database today"):
        ControlPlane(home, dataclasses.replace(tools, etcd=broken)).start()
    assert processes.find(home) == []


# The homelab on it: put in place as it was, by those who put it there.

TRACKING = "argocd.argoproj.io/tracking-id"


@pytest.fixture(scope="module")
def found(plane: ControlPlane) -> Path:
    world.put(plane.kubeconfig, "found")
    return plane.kubeconfig


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


# This one comes last: it ends what runs.


def test_half_dead_it_comes_back_with_its_data_on_its_port(plane: ControlPlane) -> None:
    home, port = plane.kubeconfig.parent, port_of(plane)
    with connect(plane.kubeconfig) as api:
        client.CoreV1Api(api).create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
    (server,) = [marked.process for marked in processes.find(home) if marked.name == "kube-apiserver"]
    server.send_signal(signal.SIGKILL)
    until(lambda: not plane.running())
    plane.start()
    assert [marked.name for marked in processes.find(home)] == NAMES
    assert port_of(plane) == port
    with connect(plane.kubeconfig) as api:
        client.CoreV1Api(api).read_namespaced_config_map("kept", "default")

    plane.stop()
    assert processes.find(home) == []
    with socket.create_server(("127.0.0.1", port)):
        plane.start()
        assert port_of(plane) != port
    with connect(plane.kubeconfig) as api:
        client.CoreV1Api(api).read_namespaced_config_map("kept", "default")
