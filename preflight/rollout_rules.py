"""Whether Immich's workload can replace its pods, where this `up` has it do so. Pure."""

import math
from collections.abc import Callable, Iterator

from kubernetes.utils import parse_quantity

from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import mount_rules, wording
from preflight.dry_runs import Answers
from text.finding import Finding

_ONE_POD = "ReadWriteOncePod"


def findings(facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find what would keep a new pod from coming up."""
    for mount in plan.mounts:
        live = facts.workload(Ref.of(mount))
        if live is None or not mount_rules.restarts(mount, answers):
            continue
        if live["spec"].get("paused"):
            name, namespace = live["metadata"]["name"], mount["metadata"]["namespace"]
            yield wording.WORKLOAD_PAUSED.found(Ref.of(live), name=name, namespace=namespace)
        elif _keeps_old_pods(live):
            for what in _only_once(live, facts):
                yield wording.OLD_POD_HOLDS.found(Ref.of(live), what=what)


def _keeps_old_pods(live: Manifest) -> bool:
    """Whether a Deployment starts new pods beside all of its old ones."""
    spec = live["spec"]
    strategy, replicas = spec.get("strategy") or {}, spec.get("replicas", 1)
    if live["kind"] != "Deployment" or strategy.get("type", "RollingUpdate") != "RollingUpdate" or not replicas:
        return False
    rolling = strategy.get("rollingUpdate") or {}
    # The API's own defaults; of percentages one is rounded up and the other down.
    surge = _count(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _count(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    return unavailable == 0 and surge > 0


def _count(stated: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    return stated if isinstance(stated, int) else rounded(replicas * int(stated.removesuffix("%")) / 100)


def _only_once(live: Manifest, facts: ClusterSeen) -> Iterator[str]:
    """Say what the photos' node has no second one of, for a new pod beside the old one."""
    pod, replicas = live["spec"]["template"]["spec"], live["spec"].get("replicas", 1)
    containers = [*pod.get("containers", []), *pod.get("initContainers", [])]
    node = facts.placement.node
    if node is None:
        return
    allocatable = node.get("status", {}).get("allocatable") or {}
    for device in dict.fromkeys(name for one in containers for name in _devices(one)):
        wanted = sum(parse_quantity(_devices(one).get(device, 0)) for one in pod.get("containers", []))
        if wanted * (replicas + 1) > parse_quantity(allocatable.get(device, 0)):
            yield f"{device}, of which the node {node['metadata']['name']} has {allocatable.get(device, 0)}"
    for port in (port for one in containers for port in one.get("ports", []) if port.get("hostPort")):
        yield f"port {port['hostPort']} of the node {node['metadata']['name']} (hostPort)"
    for claim in facts.placement.claims_of(pod, live["metadata"].get("namespace")):
        if _ONE_POD in claim["spec"].get("accessModes", []):
            yield f"{Ref.of(claim)} ({_ONE_POD})"


def _devices(container: Manifest) -> dict[str, str]:
    """Return the extended resources that a container is limited to: those with a vendor's domain."""
    limits: dict[str, str] = (container.get("resources") or {}).get("limits") or {}
    return {name: str(count) for name, count in limits.items() if "/" in name}
