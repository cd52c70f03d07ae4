"""What keeps Immich from starting without its photos between two `up`s, and what that means for its owner. Pure."""

from collections.abc import Iterator

from clients.kubernetes import Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import wording
from preflight.dry_runs import Answers
from preflight.strategy import stops
from text.finding import Finding


def findings(facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find what is not guarded, and which workloads have no pod while the policy denies one."""
    if not facts.policies:
        yield wording.STARTS_UNGUARDED.found()
    if plan.mount_admission:
        if not facts.mutating:
            yield wording.ADMISSION_MISSING.found()
        return
    if plan.mount_policy is None or plan.mount_policy[1].ref in answers.live:
        return
    for ref in map(Ref.of, plan.mounts):
        live = facts.workload(ref)
        if live and stops(live):
            yield wording.STOPPED_BY_POLICY.found(ref, command=plan.ownership.command("up"))
