"""The room for photos: what preview knows of it, from whom, and what it says."""

from typing import Any

import pytest

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components.free_space import floor
from observe import space as observed
from observe.space import Filesystem, Space
from preflight import space_rules
from tests.accounts import household
from tests.fake_cluster import FakeCluster

MIB = 1 << 20
NODE: Manifest = {
    "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "talos-1"}},
    "status": {"conditions": [{"type": "DiskPressure", "status": "True"}]},
}
STATS = Ref("v1", "Node", "node-1/proxy/stats/summary")
ROOM, LESS = Filesystem(30, 100, 3, 10), Filesystem(20, 100, 3, 10)


class Cluster(FakeCluster):
    """With pods that have reported, the newest last, and what a kubelet answers."""

    def __init__(self, *reports: str, stats: Manifest | Exception | None = None) -> None:
        super().__init__()
        self.stats = stats
        for number, report in enumerate(reports):
            state = {"terminated": {"exitCode": 0, "message": report}}
            metadata = {"name": f"{number}", "creationTimestamp": f"2026-11-2{number}T00:00:00Z"}
            pod = {"metadata": metadata, "status": {"containerStatuses": [{"state": state}]}}
            self.objects[Ref("v1", "Pod", f"{number}", "photo-sync")] = pod

    def get(self, ref: Ref) -> Manifest | None:
        if ref == STATS and isinstance(self.stats, Exception):
            raise self.stats
        return self.stats if ref == STATS and not isinstance(self.stats, Exception) else super().get(ref)


def report(code: str = "made", on_node: str = "true") -> str:
    return f'{{"code":"{code}","message":"","free":30,"total":100,"inodesFree":3,"inodes":10,"onNode":{on_node}}}'


def stats(free: int) -> Manifest:
    found = {"availableBytes": free * MIB, "capacityBytes": 100 * MIB, "inodesFree": 3, "inodes": 10}
    return {"node": {"fs": found}}


FORBIDDEN = ClusterRefusedError(403, "nodes/proxy is forbidden")


@pytest.mark.parametrize(
    ("cluster", "known"),
    [
        (Cluster(), Space(pressure=True)),
        (Cluster("Killed", "no report at all"), Space(pressure=True)),
        (Cluster(report(on_node="false")), Space(on_node=False, photos=ROOM, pressure=True)),
        (Cluster(report(on_node="false"), report()), Space(on_node=True, photos=ROOM, pressure=True)),
        (Cluster(report(), report("no-mark", "false")), Space(on_node=True, photos=ROOM, pressure=True)),
        (Cluster(stats=FORBIDDEN), Space(pressure=True)),
        (Cluster(stats={"node": {}}), Space(pressure=True)),
        (Cluster(stats=stats(20)), Space(kubelets=LESS, pressure=True)),
        (
            Cluster(report(), stats=stats(20)),
            Space(on_node=True, photos=LESS, kubelets=LESS, pressure=True),
        ),
        (
            Cluster(report(on_node="false"), stats=stats(20)),
            Space(on_node=False, photos=ROOM, kubelets=LESS, pressure=True),
        ),
    ],
    ids=["nobody", "no report", "report", "newest", "another disk", "forbidden", "no stats", "stats", "both", "own"],
)
def test_what_is_known(cluster: Cluster, known: Space) -> None:
    assert observed.read_space(cluster, household(), [NODE], cluster.list(Ref("v1", "Pod", "", "photo-sync"))) == known


def said(space: Space, **photo_sync: Any) -> list[str]:
    return [one.code for one in space_rules.findings(household(**photo_sync), space)]


GIB = 1024
FULL, HALF = Filesystem(19 * GIB, 100 * GIB), Filesystem(50 * GIB, 100 * GIB)


@pytest.mark.parametrize(
    ("space", "stated", "codes"),
    [
        (Space(), None, ["disk-unknown"]),
        (Space(on_node=False), None, []),
        (Space(on_node=False, photos=FULL), None, []),
        (Space(on_node=False, photos=Filesystem(9 * GIB, 100 * GIB)), None, ["sync-stops"]),
        (Space(on_node=True, photos=HALF), None, ["disk-shared"]),
        (Space(on_node=True, photos=FULL), None, ["disk-shared", "sync-stops"]),
        (Space(kubelets=FULL), None, ["sync-may-stop", "disk-unknown"]),
        (Space(kubelets=HALF), None, ["disk-unknown"]),
        (Space(on_node=True, photos=FULL), "10Gi", ["disk-shared", "floor-too-low"]),
        (Space(on_node=True, photos=FULL), "15%", ["disk-shared"]),
        (Space(on_node=True, photos=FULL), "14%", ["disk-shared", "floor-too-low"]),
        (Space(), "14%", ["floor-too-low", "disk-unknown"]),
        (Space(kubelets=FULL), "10Gi", ["floor-too-low", "disk-unknown"]),
        (Space(on_node=False, photos=HALF), "1%", []),
        (Space(on_node=True, photos=Filesystem(50 * GIB, 100 * GIB, 4, 100)), "30Gi", ["disk-shared", "inodes-low"]),
        (Space(pressure=True), None, ["node-under-pressure", "disk-unknown"]),
    ],
)
def test_what_preview_says(space: Space, stated: str | None, codes: list[str]) -> None:
    assert said(space, **({"minFreeSpace": stated} if stated else {})) == codes


def test_how_much_is_free_is_reported() -> None:
    *_, finding = space_rules.findings(household(), Space(on_node=True, photos=FULL))
    assert finding.values == {"free": FULL.free, "total": FULL.total, "kept": 20 * GIB}


@pytest.mark.parametrize(
    ("stated", "on_node", "kept"),
    [(None, False, 10240), (None, True, 20), ("50Gi", True, 51200), ("30%", False, 30), ("30%", True, 30)],
)
def test_how_much_stays_free(stated: str | None, kept: int, *, on_node: bool) -> None:
    assert floor(stated).of(100, on_node=on_node) == kept
