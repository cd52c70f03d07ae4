"""Immich's workloads, containers and Service, found in the shapes that homelabs have."""

from typing import Any

import pytest

from clients.kubernetes import Manifest
from components import immich_server
from components.immich_server import runs_server, servers
from preflight import workload_rules
from settings.immich import Immich
from tests import objects

SERVER, LEARNING = "ghcr.io/immich-app/immich-server:v2.4.1", "ghcr.io/immich-app/immich-machine-learning:v2.4.1"
API, SCANS = {"name": "IMMICH_WORKERS_INCLUDE", "value": "api"}, {"name": "IMMICH_WORKERS_EXCLUDE", "value": "api"}
LABELS = {"app.kubernetes.io/name": "server"}


def container(name: str, image: str = SERVER, **more: Any) -> Manifest:
    return {"name": name, "image": image, **more}


def workload(*containers: Manifest, kind: str = "Deployment", name: str = "immich-server", **labels: str) -> Manifest:
    live = objects.deployment()
    live["kind"], live["metadata"]["name"] = kind, name
    live["spec"]["template"]["spec"]["containers"] = list(containers)
    live["spec"]["template"]["metadata"]["labels"] = labels or LABELS
    return live


def immich(**more: Any) -> Immich:
    return Immich.model_validate(more)


@pytest.mark.parametrize(
    ("image", "runs"),
    [
        ("immich-server", True),
        ("ghcr.io/immich-app/immich-server", True),
        ("ghcr.io/immich-app/immich-server:v2.4.1", True),
        ("nas.lan:5000/mirror/ghcr.io/immich-app/immich-server:release", True),
        ("registry/immich-server@sha256:0a1b", True),
        ("nas.lan:5000/immich-server:v2.4.1@sha256:0a1b", True),
        ("ghcr.io/immich-app/immich-machine-learning:v2.4.1", False),
        ("ghcr.io/immich-app/immich-server-proxy:1", False),
        ("ghcr.io/immich-server/postgres:14", False),
        ("ghcr.io/my-immich-server:1", False),
        ("", False),
    ],
)
def test_an_image_is_known_by_the_last_component_of_its_path(image: str, *, runs: bool) -> None:
    assert runs_server({"image": image}) is runs


INIT = [{"name": "migrate", "image": SERVER}]
# Settings, what is there, and the containers that get the mount, by workload.
SHAPES: dict[str, tuple[Manifest, list[Manifest], dict[str, tuple[str, ...]]]] = {
    "chart": ({}, [workload(container("main")), workload(container("main", LEARNING), name="immich-ml")],
              {"Deployment immich/immich-server": ("main",)}),
    "sidecar first": ({}, [workload(container("gluetun", "qmcgaw/gluetun:v3"), container("immich"))],
                      {"Deployment immich/immich-server": ("immich",)}),
    "machine learning in the pod": ({}, [workload(container("ml", LEARNING), container("server"))],
                                    {"Deployment immich/immich-server": ("server",)}),
    "workers in one pod": ({}, [workload(container("api", env=[API]), container("scans", env=[SCANS]))],
                           {"Deployment immich/immich-server": ("api", "scans")}),
    "workers apart": (
        {},
        [workload(container("a", env=[SCANS]), name="immich-a"), workload(container("b", env=[API]), name="immich-b")],
        {"Deployment immich/immich-b": ("b",), "Deployment immich/immich-a": ("a",)},
    ),
    "workers apart, before 1.107": (
        {},
        [workload(container("a", args=["start.sh", "microservices"]), name="a"), workload(container("b"), name="b")],
        {"Deployment immich/b": ("b",), "Deployment immich/a": ("a",)},
    ),
    "named, with a worker beside it": (
        {"deployment": "immich-b"},
        [workload(container("a", env=[SCANS]), name="immich-a"), workload(container("b", env=[API]), name="immich-b")],
        {"Deployment immich/immich-b": ("b",), "Deployment immich/immich-a": ("a",)},
    ),
    "StatefulSet": ({}, [workload(container("immich"), kind="StatefulSet", name="immich")],
                    {"StatefulSet immich/immich": ("immich",)}),
    "DaemonSet": ({}, [workload(container("immich"), kind="DaemonSet", name="immich")],
                  {"DaemonSet immich/immich": ("immich",)}),
    "named container": ({"mount": {"container": "b"}}, [workload(container("a"), container("b"))],
                        {"Deployment immich/immich-server": ("b",)}),
    "another image, one container": ({"deployment": "photos"}, [workload(container("x", "imagegenius/immich:2"),
                                                                         name="photos")],
                                     {"Deployment immich/photos": ("x",)}),
    "another image, named": (
        {"deployment": "photos", "mount": {"container": "x"}},
        [workload(container("y", "nginx"), container("x", "imagegenius/immich:2"), name="photos")],
        {"Deployment immich/photos": ("x",)},
    ),
    "another image, mounted": (
        {"deployment": "photos"},
        [workload(container("y", "nginx"), container("x", "imagegenius/immich:2", volumeMounts=[
            {"mountPath": "/external/icloud"}]), name="photos")],
        {"Deployment immich/photos": ("x",)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_container_of_the_image_gets_the_mount(shape: str) -> None:
    settings, there, expected = SHAPES[shape]
    assert {str(one.ref): one.containers for one in servers(immich(**settings), there)} == expected
    assert servers(immich(**settings), there)[0].ref.name == next(iter(expected)).rpartition("/")[2]
    assert [*workload_rules.of_workloads(immich(**settings), there)] == []


def test_init_containers_do_not_count() -> None:
    there = workload(container("proxy", "nginx"))
    there["spec"]["template"]["spec"]["initContainers"] = INIT
    assert servers(immich(), [there]) == ()


def findings(settings: Manifest, there: list[Manifest], *services: Manifest) -> list[tuple[str, object]]:
    return [
        (one.code, one.values.get("has", "")) for one in workload_rules.findings(immich(**settings), there, services)
    ]


@pytest.mark.parametrize(
    ("settings", "there", "expected"),
    [
        ({}, [workload(container("x", "imagegenius/immich:2"))], ("server-missing", "")),
        ({"deployment": "photos"}, [workload(container("x"))], ("workload-missing", "")),
        (
            {"deployment": "immich-server"},
            [workload(container("x", "a"), container("y", "b"))],
            ("container-unclear", "x, y"),
        ),
        (
            {"deployment": "immich-server", "mount": {"container": "z"}},
            [workload(container("x"))],
            ("container-missing", "x"),
        ),
    ],
    ids=["other image", "other name", "roles unclear", "other container"],
)
def test_what_is_unclear_is_asked_for_once(
    settings: Manifest, there: list[Manifest], expected: tuple[str, str]
) -> None:
    assert findings(settings, there, objects.service(2283)) == [expected]


def test_a_service_that_is_named_is_looked_for_though_the_workload_is_unclear() -> None:
    asked = findings({"deployment": "photos", "service": {"name": "a"}}, [], objects.service(80, name="b"))
    assert [code for code, _ in asked] == ["workload-missing", "service-missing"]


def found(settings: Manifest, workloads: list[Manifest], *services: Manifest) -> tuple[str | None, int | None]:
    service = immich_server.service(immich(service=settings), workloads, services)
    return service.name, service.port


ONE = [workload(container("server", ports=[{"name": "web", "containerPort": 2283}]))]
NAMED: Manifest = {"ports": [{"name": "web", "port": 8080, "targetPort": "web"}, {"name": "metrics", "port": 8081}]}
WORKERS = [
    workload(container("a", env=[SCANS]), container("vpn", "qmcgaw/gluetun:v3"), name="immich-a", role="scans"),
    workload(container("b", env=[API]), name="immich-b", role="api"),
]


@pytest.mark.parametrize(
    ("settings", "workloads", "services", "expected"),
    [
        ({}, ONE, [objects.service(2283)], ("immich-server", 2283)),
        ({}, ONE, [objects.service(3001, name="immich-main")], ("immich-main", 3001)),
        ({}, ONE, [objects.service(name="immich-app", **NAMED)], ("immich-app", 8080)),
        ({}, ONE, [objects.service(2283), objects.service(2283, name="lan", type="NodePort")], ("immich-server", 2283)),
        ({}, ONE, [objects.service(2283, name="lan", type="NodePort")], ("lan", 2283)),
        ({}, ONE, [objects.service(2283, name="1immich")], ("1immich", 2283)),
        ({}, ONE, [objects.service(2283, name="a", clusterIP="None"), objects.service(80, name="b")], ("b", 80)),
        ({}, ONE, [objects.service(5432, name="db", selector={"app": "db"})], (None, None)),
        ({}, ONE, [objects.service(80, name="a"), objects.service(81, name="b")], (None, None)),
        ({"name": "b"}, ONE, [objects.service(80, name="a"), objects.service(81, name="b")], ("b", 81)),
        ({"port": 81}, ONE, [objects.service(80, name="a"), objects.service(81, name="b")], ("b", 81)),
        ({"name": "x", "port": 1}, ONE, [], ("x", 1)),
        ({}, WORKERS, [objects.service(1, name="scans", selector={"role": "scans"}),
                       objects.service(2, name="api", selector={"role": "api"})], ("api", 2)),
        ({}, [workload(container("s", env=[{"name": "IMMICH_PORT", "value": "8080"}]))],
         [objects.service(name="s", ports=[{"port": 9}, {"port": 80, "targetPort": 8080}])], ("s", 80)),
        ({}, [workload(container("s", env=[{"name": "IMMICH_PORT", "value": "²"}]))],
         [objects.service(name="s", ports=[{"port": 9}, {"port": 80, "targetPort": 2283}])], ("s", 80)),
    ],
)  # fmt: skip
def test_the_service_is_found_where_settings_leave_it_out(
    settings: Manifest, workloads: list[Manifest], services: list[Manifest], expected: tuple[str | None, int | None]
) -> None:
    assert found(settings, workloads, *services) == expected


@pytest.mark.parametrize(
    ("settings", "services", "expected"),
    [
        ({}, [], ("service-unknown", "")),
        ({}, [objects.service(80, name="a"), objects.service(81, name="b")], ("services-several", "a, b")),
        ({"name": "a"}, [objects.service(name="a", ports=[{"port": 1}, {"port": 2}])], ("port-unclear", "1, 2")),
        ({"name": "a"}, [objects.service(80, name="b")], ("service-missing", "")),
        ({"port": 82}, [objects.service(80, name="b")], ("port-missing", "80")),
    ],
)
def test_a_service_that_is_not_found_is_asked_for_once(
    settings: Manifest, services: list[Manifest], expected: tuple[str, str]
) -> None:
    assert findings({"service": settings}, ONE, *services) == [expected]
