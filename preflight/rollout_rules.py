"""Whether Immich's workload can replace its pods, where this `up` has it do so. Pure."""

from collections.abc import Iterator

from kubernetes.utils.quantity import parse_quantity

from clients import rollout
from clients.kubernetes import Manifest, Ref
from clients.volumes import kept_by_pods
from clients.wording import CLAIM_GOES_WITH_POD
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import mount_rules, wording
from preflight.dry_runs import Answers
from preflight.strategy import keeps_old_pods
from text.finding import Finding

_ONE_POD = "ReadWriteOncePod"


def findings(facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find what would keep a new pod from coming up."""
    for mount in plan.mounts:
        live = facts.workload(Ref.of(mount))
        if live is None or not mount_rules.restarts(mount, live, plan, answers):
            continue
        for claim in kept_by_pods(live, facts.placement.claims or ()):
            yield CLAIM_GOES_WITH_POD.found(claim, workload=Ref.of(live))
        if partition := rollout.partition(live):
            yield wording.WORKLOAD_PARTITIONED.found(Ref.of(live), partition=partition)
        elif live["spec"].get("paused"):
            name, namespace = live["metadata"]["name"], mount["metadata"]["namespace"]
            yield wording.WORKLOAD_PAUSED.found(Ref.of(live), name=name, namespace=namespace)
        elif keeps_old_pods(live):
            for what in _only_once(live, facts):
                yield wording.OLD_POD_HOLDS.found(Ref.of(live), what=what)


def _only_once(live: Manifest, facts: ClusterSeen) -> Iterator[str]:
    """Say what there is no second one of, for a new pod beside the old one."""
    pod, replicas = live["spec"]["template"]["spec"], live["spec"].get("replicas", 1)
    containers = [*pod.get("containers", []), *pod.get("initContainers", [])]
    nodes = facts.placement.eligible
    where = ", ".join(one["metadata"]["name"] for one in nodes)
    for device in dict.fromkeys(name for one in containers for name in _devices(one)) if nodes else ():
        wanted = sum(parse_quantity(_devices(one).get(device, 0)) for one in pod.get("containers", []))
        has = sum(parse_quantity((one.get("status", {}).get("allocatable") or {}).get(device, 0)) for one in nodes)
        if wanted * (replicas + 1) > has:
            yield f"{device}, of which {where} has {has}"
    for port in (port for one in containers for port in one.get("ports", []) if port.get("hostPort")):
        if len(nodes) == 1:
            yield f"port {port['hostPort']} of the node {where} (hostPort)"
    for claim in facts.placement.claims_of(pod, live["metadata"].get("namespace")):
        if _ONE_POD in claim["spec"].get("accessModes", []):
            yield f"{Ref.of(claim)} ({_ONE_POD})"


def _devices(container: Manifest) -> dict[str, str]:
    """Return the extended resources that a container is limited to: those with a vendor's domain."""
    limits: dict[str, str] = (container.get("resources") or {}).get("limits") or {}
    return {name: str(count) for name, count in limits.items() if "/" in name}
