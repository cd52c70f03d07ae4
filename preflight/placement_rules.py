"""Whether Immich's pods and ours can run on the node with the photos. Pure."""

from collections.abc import Iterator

from clients.conditions import unmet
from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import mount_rules, wording
from preflight.dry_runs import Answers
from preflight.selectors import on_node, tolerates, untolerated
from text.finding import Finding

_CORDONED = "node.kubernetes.io/unschedulable"
_CORDON = {"key": _CORDONED, "effect": "NoSchedule"}


def findings(facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find what keeps pods away from the photos' node; nothing where the photos are on none, or it is unknown."""
    node = facts.placement.node
    if node is None:
        return
    for mount in plan.mounts:
        live = facts.workload(Ref.of(mount))
        if live is None:
            continue
        pod, name = live["spec"]["template"]["spec"], node["metadata"]["name"]
        if reason := _excluded(pod, node):
            yield wording.NODE_EXCLUDED.found(Ref.of(live), node=name, reason=reason)
        for claim, volume in _claims_elsewhere(pod, mount["metadata"]["namespace"], node, facts, live):
            yield wording.CLAIM_ELSEWHERE.found(claim, workload=Ref.of(live), volume=volume, node=name)
        if mount_rules.restarts(mount, live, plan, answers):
            yield from _closed(Ref.of(live), pod, node)
    yield from _of_ours(facts, plan, answers, node)


def _of_ours(facts: ClusterSeen, plan: Plan, answers: Answers, node: Manifest) -> Iterator[Finding]:
    job = plan.directory_job
    if job.ref not in answers.live:
        yield from _closed(job.ref, job.manifest["spec"]["template"]["spec"], node)
    for account in plan.sync.accounts if plan.sync else ():
        ref, pod = Ref.of(account.cron_job), account.pod
        for claim, volume in _claims_elsewhere(pod, ref.namespace or "", node, facts):
            yield wording.CLAIM_ELSEWHERE.found(claim, workload=ref, volume=volume, node=node["metadata"]["name"])
        if job.ref in answers.live and any(_reasons(pod, node)):
            yield wording.NODE_CLOSED_TO_SYNC.found(
                ref, node=node["metadata"]["name"], reason=", ".join(_reasons(pod, node))
            )


def _excluded(pod: Manifest, node: Manifest) -> str:
    """Say which rule of a pod keeps it from a node; empty where none does."""
    labels: dict[str, str] = node["metadata"].get("labels") or {}
    if pod.get("nodeName") not in {None, node["metadata"]["name"]}:
        return f"nodeName: {pod['nodeName']}"
    for key, value in (pod.get("nodeSelector") or {}).items():
        if labels.get(key) != value:
            return f"nodeSelector: {key}={value}"
    required = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if required and not on_node(required["nodeSelectorTerms"], node):
        return "its nodeAffinity"
    return ""


def _claims_elsewhere(
    pod: Manifest, namespace: str, node: Manifest, facts: ClusterSeen, workload: Manifest | None = None
) -> Iterator[tuple[Ref, str]]:
    """List a pod's claims that are bound to a volume of other nodes, with that volume."""
    volumes = {one["metadata"]["name"]: one for one in facts.placement.volumes or ()}
    for claim in facts.placement.claims_of(pod, namespace, workload):
        volume = volumes.get(claim["spec"].get("volumeName", ""), {})
        required = (volume.get("spec", {}).get("nodeAffinity") or {}).get("required")
        if required and not on_node(required["nodeSelectorTerms"], node):
            yield Ref.of(claim), volume["metadata"]["name"]


def _closed(ref: Ref, pod: Manifest, node: Manifest) -> Iterator[Finding]:
    reasons = list(_reasons(pod, node))
    if reasons:
        name = node["metadata"]["name"]
        yield wording.NODE_CLOSED.found(ref, node=name, reason=", ".join(reasons))


def _reasons(pod: Manifest, node: Manifest) -> Iterator[str]:
    """Say why a node takes no new pod."""
    if unready := unmet(node).get("Ready"):
        yield f"it is not ready: {unready.get('message') or unready.get('reason') or unready['status']}"
        return
    taints = list(untolerated(pod, node))
    cordoned = node.get("spec", {}).get("unschedulable") and not tolerates(pod, _CORDON)
    if cordoned:
        yield "it is cordoned"
    yield from (f"taint {taint}" for taint in taints if not (cordoned and taint.startswith(_CORDONED)))
