"""Which pod, and which of its ports, a connection to a Service leads to."""

from typing import Any

import pytest

from clients.deadline import Socket
from clients.kubernetes import Ref
from clients.service_connection import NotRunningError, connect
from settings.model import Backend
from tests.fake_cluster import FakeCluster
from tests.objects import manifest

IMMICH = Backend("immich", "immich-server", 3001)
LABELS = {"app.kubernetes.io/name": "server"}


class Cluster(FakeCluster):
    """One that says where it was asked to connect."""

    def connect(self, pod: Ref, port: int) -> Socket:
        self.connected = (pod.name, port)
        return Socket()


def service(target: Any = 2283) -> dict[str, Any]:
    ports = [{"port": 9090, "targetPort": 9090}, {"port": 3001, "targetPort": target}]
    return manifest("v1", "Service", "immich-server", "immich", spec={"selector": LABELS, "ports": ports})


def pod(name: str, *, ready: bool = True, going: bool = False, labels: dict[str, str] = LABELS) -> dict[str, Any]:
    container = {"name": "immich-server", "ports": [{"name": "http", "containerPort": 2283}]}
    metadata = {"labels": labels, **({"deletionTimestamp": "2026-01-18T20:00:00Z"} if going else {})}
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return manifest("v1", "Pod", name, "immich", metadata=metadata, spec={"containers": [container]}, status=status)


def cluster(*objects: dict[str, Any]) -> Cluster:
    made = Cluster()
    made.objects = {Ref.of(thing): thing for thing in objects}
    return made


@pytest.mark.parametrize("target", [2283, "http"])
def test_the_containers_port_behind_the_services(target: int | str) -> None:
    asked = cluster(service(target), pod("one"))
    connect(asked, IMMICH).close()
    assert asked.connected == ("one", 2283)


def test_a_port_that_the_container_does_not_name() -> None:
    with pytest.raises(NotRunningError, match="leads to the port web, and no container of its pod has one so named"):
        connect(cluster(service("web"), pod("one")), IMMICH)


def test_a_pod_that_is_ready_and_stays() -> None:
    others = [pod("starting", ready=False), pod("going", going=True), pod("another", labels={"app": "mealie"})]
    asked = cluster(service(), *others, pod("ready"))
    connect(asked, IMMICH).close()
    assert asked.connected == ("ready", 2283)


def test_no_pod_that_is_ready() -> None:
    with pytest.raises(NotRunningError) as refused:
        connect(cluster(service(), pod("starting", ready=False)), IMMICH)
    assert str(refused.value) == (
        "Service immich/immich-server has no pod that is ready. "
        "`kubectl describe pods -n immich -l app.kubernetes.io/name=server` says why"
    )


def test_no_service() -> None:
    with pytest.raises(NotRunningError, match="Service immich/immich-server does not exist"):
        connect(cluster(pod("one")), IMMICH)
