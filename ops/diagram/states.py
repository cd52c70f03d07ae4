"""A verdict of `make verify`, seen in the picture: each thing has the worst result of the checks that look at it."""

from collections.abc import Iterator
from dataclasses import replace

from ops.checks.check import NotChecked, Passed
from ops.diagram.graph import Graph, Node, State
from ops.verify import Verdict
from text.finding import Finding

# The parts that each check looks at; what it says of the whole is nowhere in the picture.
PARTS: dict[str, tuple[str, ...]] = {
    "immich-pods": ("deployment",),
    "pod-security": ("deployment", "directory_job"),
    "photo-directory": ("directory_job",),
    "photo-owner": ("disk",),
    "photo-mark": ("disk",),
    "photo-space": ("disk",),
    "photo-node": ("disk",),
    "volume": ("volume", "claim", "immich_volume", "immich_claim"),
    "mount": ("deployment",),
    "service": ("service",),
    "ping": ("service",),
    "route": ("route",),
    "dns-record": ("record",),
    "dns": ("record",),
    "tunnel": ("tunnel", "connector"),
    "tunnel-rule": ("tunnel",),
    "https": ("internet",),
    "http-redirect": ("internet",),
    "web-socket": ("internet",),
    "upload": ("internet",),
    "access": ("access",),
    "icloud-session": ("icloud",),
    "last-sync": ("cron_job",),
    "sync-schedule": ("cron_job",),
    "notifications": ("cron_job",),
    "library": ("library",),
    "library-scan": ("library",),
    "drift": (),
    "argocd": (),
}
_STATES = {Finding: State.FAILED, NotChecked: State.NOT_CHECKED, Passed: State.PASSED}


def with_states(graph: Graph, verdict: Verdict) -> Graph:
    """Give each node its state, and name in it what is not as it should be."""
    return replace(graph, nodes=tuple(_judged(node, verdict) for node in graph.nodes))


def _judged(node: Node, verdict: Verdict) -> Node:
    found = dict(_results(node, verdict))
    for state in State:
        names = [name for name, result in found.items() if result is state]
        if names:
            said = () if state is State.PASSED else (f"{state.value}: {', '.join(names)}",)
            return replace(node, lines=(*node.lines, *said), state=state)
    return node


def _results(node: Node, verdict: Verdict) -> Iterator[tuple[str, State]]:
    for check, result in verdict.items():
        if node.part in PARTS[check.name] and type(result) in _STATES:
            yield check.name, _STATES[type(result)]
