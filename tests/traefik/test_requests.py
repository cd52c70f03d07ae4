"""Requests for the host reach Immich's Service through a real Traefik, by the Ingress and the HTTPRoute of `up`.

Traefik runs on loopback against the rehearsal's API server, with two entry points: one as it is by default, and one
without a limit to how long it reads a request. What waits for time here runs at once, in a minute and a half.
"""

import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from rich.console import Console

from clients.kubernetes import Manifest, Ref
from lab import processes, toolchain
from lab.recipes import TRAEFIK
from lab.toolchain import Tools
from tests.objects import manifest
from tests.rehearsal.conftest import Bench, until
from tests.traefik import pod_stand_in

HOST: Final = "immich.coultonf.com"
SIZE: Final = 200 * 10**6
SILENT: Final = 90  # seconds
PART: Final = SIZE // 75  # a second: longer than Traefik reads by default

INGRESS: Final[dict[str, Any]] = {"kind": "ingress", "className": "traefik"}
GATEWAY: Final[dict[str, Any]] = {"kind": "gateway", "gateway": "traefik", "gatewayNamespace": "gateways"}
# What Traefik watches of Gateway API beside the definitions of the world.
WATCHED: Final = (
    ("grpcroutes", "GRPCRoute", "v1"),
    ("referencegrants", "ReferenceGrant", "v1beta1"),
    ("backendtlspolicies", "BackendTLSPolicy", "v1"),
)


def definition(plural: str, kind: str, version: str) -> Manifest:
    """Stands for a published definition: it takes anything."""
    group = "gateway.networking.k8s.io"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": version, "served": True, "storage": True, "schema": schema}],
        },
    }


def gateway(ports: dict[str, int]) -> Iterator[Manifest]:
    group, everyone = "gateway.networking.k8s.io/v1", {"namespaces": {"from": "All"}}
    yield manifest(group, "GatewayClass", "traefik", spec={"controllerName": "traefik.io/gateway-controller"})
    listeners = [
        {"name": name, "protocol": "HTTP", "port": port, "allowedRoutes": everyone} for name, port in ports.items()
    ]
    yield manifest(
        group, "Gateway", "traefik", "gateways", spec={"gatewayClassName": "traefik", "listeners": listeners}
    )
    controller = {"controller": "traefik.io/ingress-controller"}
    yield manifest("networking.k8s.io/v1", "IngressClass", "traefik", spec=controller)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """The entry points: Traefik's own limits, and none for reading."""
    return {"limited": free_port(), "lifted": free_port()}


@pytest.fixture(scope="module")
def bench(tools: Tools, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("traefik"), tools, "gateway", photos=False)
    try:
        for watched in WATCHED:
            made.cluster.apply(definition(*watched), "somebody")
        for one in gateway(ports):
            made.cluster.apply(one, "somebody")
        with pod_stand_in.serving() as network:
            entry_points = [f"--entryPoints.{name}.address=127.0.0.1:{port}" for name, port in ports.items()]
            processes.start(
                made.home,
                "traefik",
                (
                    toolchain.find([TRAEFIK], Console(stderr=True))["traefik"],
                    *entry_points,
                    "--entryPoints.lifted.transport.respondingTimeouts.readTimeout=0",
                    "--providers.kubernetesIngress",
                    "--providers.kubernetesGateway",
                    "--global.checkNewVersion=false",
                    "--global.sendAnonymousUsage=false",
                ),
                {**os.environ, "KUBECONFIG": str(made.plane.kubeconfig), "HTTP_PROXY": network},
            )
            yield made
    finally:
        processes.end(made.home)


Outcome = dict[tuple[str, str], int | str]  # by request and entry point: what came of it


@pytest.fixture(scope="module", params=[GATEWAY, INGRESS], ids=["HTTPRoute", "Ingress"])
def outcome(request: pytest.FixtureRequest, bench: Bench, ports: dict[str, int]) -> Outcome:
    """What comes of each request, all of them at once."""
    bench.set(lambda settings: settings.update(route=request.param))
    until(lambda: is_programmed(bench), "Traefik serves the Gateway")
    bench.up()
    until(lambda: all(answer(port, lambda way: get(way, 0)) == 200 for port in ports.values()), "the route is read")
    asked = [(ask, name) for ask in REQUESTS for name in ports]
    with ThreadPoolExecutor(len(asked)) as at_once:
        answers = at_once.map(lambda one: answer(ports[one[1]], REQUESTS[one[0]]), asked)
        return dict(zip(asked, answers, strict=True))


def is_programmed(bench: Bench) -> bool:
    live = bench.get(Ref("gateway.networking.k8s.io/v1", "Gateway", "traefik", "gateways"))
    conditions = live.get("status", {}).get("conditions", [])
    return any(one["type"] == "Programmed" and one["status"] == "True" for one in conditions)


Connection = http.client.HTTPConnection


def answer(port: int, ask: Callable[[Connection], int]) -> int | str:
    """Return a status, or what broke the connection off."""
    way = Connection("127.0.0.1", port, timeout=2 * SILENT)
    try:
        return ask(way)
    except (OSError, http.client.HTTPException) as broken:
        return type(broken).__name__
    finally:
        way.close()


def get(way: Connection, after: float) -> int:
    way.request("GET", f"/api/server/ping?after={after}", headers={"Host": HOST})
    return way.getresponse().status


def upload(way: Connection, pause: float) -> int:
    """Send 200 MB; only if all of them arrived, the status counts."""

    def parts() -> Iterator[bytes]:
        for _ in range(SIZE // PART):
            yield bytes(PART)
            time.sleep(pause)
        yield bytes(SIZE % PART)

    way.request("POST", "/api/assets", body=parts(), headers={"Host": HOST, "Content-Length": str(SIZE)})
    response = way.getresponse()
    arrived = response.read()
    return response.status if arrived == str(SIZE).encode() or response.status != 200 else -1


def websocket(way: Connection) -> int:
    """Switch protocols, and be heard after a silence."""
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    headers = {"Host": HOST, "Connection": "Upgrade", "Upgrade": "websocket", **key}
    way.request("GET", "/api/socket.io/", headers=headers)
    line = way.sock
    started = line.recv(4096)
    for pause in (0, SILENT):
        time.sleep(pause)
        line.sendall(b"ping")
        if line.recv(4) != b"ping":
            return -1
    return int(started.split(b" ")[1])


SLOW: Final = "200 MB in 75 s"
REQUESTS: Final[dict[str, Callable[[Connection], int]]] = {
    "200 MB": lambda way: upload(way, 0),
    SLOW: lambda way: upload(way, 1),
    "silence": lambda way: get(way, SILENT),
    "websocket": websocket,
}


PASSED: Final = dict.fromkeys(REQUESTS, 200) | {"websocket": 101}


def test_without_the_limit_each_request_passes(outcome: Outcome) -> None:
    assert {name: outcome[name, "lifted"] for name in REQUESTS} == PASSED


def test_by_default_traefik_breaks_off_a_slow_upload_alone(outcome: Outcome) -> None:
    """Which preview warns of; docs/routes.md says how to lift the limit."""
    assert outcome[SLOW, "limited"] != PASSED[SLOW]
    assert {name: outcome[name, "limited"] for name in REQUESTS if name != SLOW} == {
        name: status for name, status in PASSED.items() if name != SLOW
    }
