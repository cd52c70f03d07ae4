"""The control plane starts, survives and behaves as a node on Talos would."""

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

from lab import processes
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
