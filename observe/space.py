"""How much room there is for photos, as far as it is known: by the last script that measured it, and by the node."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clients import pod_end
from clients.kubernetes import ClusterApi, ClusterError, Manifest, Ref
from clients.nodes import of_host_name
from clients.result import Code, Result
from settings import Settings
from settings.storage import OnNode

_MIB = 1 << 20


@dataclass(frozen=True)
class Filesystem:
    """Room on a filesystem: MiB, and inodes (0 of 0: it does not count them)."""

    free: int
    total: int
    inodes_free: int = 0
    inodes: int = 0


@dataclass(frozen=True)
class Space:
    """What is known; None is unknown.

    Attributes:
        on_node: whether the photos are on the kubelet's own filesystem.
        photos: the room that the last script has found, or that the node has, where that is the same.
        kubelets: the room on the kubelet's filesystem, as the node tells whoever may ask.
        pressure: whether the node reports DiskPressure.

    """

    on_node: bool | None = None
    photos: Filesystem | None = None
    kubelets: Filesystem | None = None
    pressure: bool | None = None


def read_space(api: ClusterApi, settings: Settings, nodes: Iterable[Manifest], pods: Iterable[Manifest]) -> Space:
    """Read it; `nodes` are the cluster's, `pods` those of the photo-sync namespace.

    Raises:
        ClusterError: when the API server can't be reached, or does not let us read.

    """
    last = max(_measured(pods), key=lambda found: found[0], default=None)
    on_node = last[1].on_node if last else None
    photos = _filesystem(last[1]) if last else None
    node = _node(settings, nodes)
    kubelets = _of_kubelet(api, node) if node else None
    return Space(on_node, kubelets if on_node and kubelets else photos, kubelets, _pressure(node) if node else None)


def _measured(pods: Iterable[Manifest]) -> Iterator[tuple[str, Result]]:
    for pod in pods:
        found = pod_end.of(pod).result
        # Without its mark, it is not the photo disk that was measured.
        if found and found.on_node is not None and found.code != Code.NO_MARK:
            yield str(pod["metadata"].get("creationTimestamp", "")), found


def _filesystem(found: Result) -> Filesystem:
    return Filesystem(found.free or 0, found.total or 0, found.inodes_free or 0, found.inodes or 0)


def _node(settings: Settings, nodes: Iterable[Manifest]) -> Manifest | None:
    if not isinstance(settings.storage, OnNode):
        return None
    return of_host_name(nodes, settings.storage.node)


def _pressure(node: Manifest) -> bool | None:
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", [])}
    return {"True": True, "False": False}.get(conditions.get("DiskPressure", ""))


def _of_kubelet(api: ClusterApi, node: Manifest) -> Filesystem | None:
    """Ask the kubelet, which an administrator may; whoever may not, or gets no answer, does not know."""
    try:
        summary = api.get(Ref("v1", "Node", f"{node['metadata']['name']}/proxy/stats/summary"))
        found = (summary or {})["node"]["fs"]
        return Filesystem(
            found["availableBytes"] // _MIB,
            found["capacityBytes"] // _MIB,
            found.get("inodesFree", 0),
            found.get("inodes", 0),
        )
    except (ClusterError, KeyError, TypeError, ValueError):
        return None
