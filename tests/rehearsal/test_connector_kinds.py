"""The kinds that a tunnel's connector consists of, through the Kubernetes provider that serves here."""

import json
from typing import Any

import pytest

from clients.kubernetes import Ref
from engine.run import Operation, Run
from lab.engine import SOURCE
from tests.rehearsal.conftest import Bench, MakeBench, changed

PROGRAM = SOURCE / "tests" / "programs" / "connector.py"
TOKEN, ROTATED = "the-tunnels-token", "the-tunnels-next-token"
OBJECTS = {
    kind: Ref(version, kind, "cloudflared", "default")
    for version, kind in [
        ("v1", "Secret"), ("apps/v1", "Deployment"), ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ]
}  # fmt: skip


class Connector:
    """The program's stack on a control plane."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.wanted: dict[str, Any] = {
            "kubeconfig": str(bench.plane.kubeconfig), "token": TOKEN, "replicas": 2, "ports": [7844],
        }  # fmt: skip

    def run(self, operation: Operation) -> Run:
        (self.bench.project / "wanted.json").write_text(json.dumps(self.wanted))
        run = self.bench.engine(PROGRAM).run(operation)
        assert run.succeeded, run.errors
        return run

    def live(self, kind: str) -> Any:
        return self.bench.cluster.get(OBJECTS[kind])


@pytest.fixture(scope="module")
def connector(make_bench: MakeBench) -> Connector:
    made = Connector(make_bench("found"))
    made.run("up")
    return made


def test_the_deployment_is_awaited(connector: Connector) -> None:
    assert connector.live("Deployment")["status"]["readyReplicas"] == 2


def test_a_second_up_changes_nothing(connector: Connector) -> None:
    assert changed(connector.run("up")) == []


def test_changes_are_updates_in_place(connector: Connector) -> None:
    before = {kind: connector.live(kind)["metadata"]["uid"] for kind in OBJECTS if kind != "Secret"}
    connector.wanted |= {"replicas": 1, "ports": [7844, 53]}
    assert sorted(changed(connector.run("up"))) == [("update", "connector"), ("update", "policy")]
    assert connector.live("Deployment")["status"]["replicas"] == 1
    assert [one["port"] for one in connector.live("NetworkPolicy")["spec"]["egress"][0]["ports"]] == [7844, 53]
    assert {kind: connector.live(kind)["metadata"]["uid"] for kind in before} == before


def test_the_secrets_text_is_nowhere_in_plain_text(connector: Connector) -> None:
    connector.wanted["token"] = ROTATED
    run = connector.run("up")
    assert {name for _, name in changed(run)} == {"token"}
    assert connector.live("Secret")["data"] == {"token": "dGhlLXR1bm5lbHMtbmV4dC10b2tlbg=="}
    state = [path.read_text() for path in (connector.bench.home / "state").rglob("*") if path.is_file()]
    assert any("connector" in text for text in state)
    for word in (TOKEN, ROTATED, "dGhlLXR1bm5lbHM"):
        assert not any(word in text for text in state)


def test_everything_goes(connector: Connector) -> None:
    connector.run("destroy")
    assert {kind for kind in OBJECTS if connector.live(kind)} == set()
