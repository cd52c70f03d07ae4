"""What would go wrong in the cluster, or is worth knowing. Pure: (settings, facts, plan, answers) to findings."""

from collections.abc import Iterator
from dataclasses import replace

from clients.conditions import is_going
from clients.kubernetes import Ref
from components import immich_server
from components.ownership import marked_by
from components.photo_sync import arrangement
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import (
    deletion_rules,
    existing_rules,
    fixed_rules,
    mount_rules,
    owner_rules,
    placement_rules,
    rollout_rules,
    route_rules,
    wording,
)
from preflight.dry_runs import Answers
from settings import Settings
from settings.storage import HostPath
from text.finding import Finding


def findings(
    settings: Settings, facts: ClusterSeen, plan: Plan, answers: Answers, *, elsewhere: bool = False
) -> Iterator[Finding]:
    """Find them; `elsewhere`: whether something outside the cluster is adopted."""
    yield from (wording.NOT_KNOWN.found(reason=one) for one in facts.forbidden)
    yield from deletion_rules.findings(settings, facts, plan, answers)
    # Of what is on its way out, nothing else is worth a word.
    answers = replace(answers, live={ref: one for ref, one in answers.live.items() if not is_going(one)})
    yield from existing_rules.findings(facts)
    yield from route_rules.findings(settings, facts, plan)
    yield from placement_rules.findings(facts, plan, answers)
    yield from _refused_pods(facts, plan, answers)
    yield from rollout_rules.findings(facts, plan, answers)
    yield from fixed_rules.released(plan, answers)
    yield from _rearranged(plan, answers)
    for managed in plan.managed_objects():
        if (live := answers.live.get(managed.ref)) is None:
            yield from fixed_rules.refused(managed, answers.refusals.get(managed.ref))
            continue
        about_owner = list(owner_rules.findings(managed, live, plan))
        yield from about_owner
        if not about_owner and not (managed is plan.photo_sync and plan.photo_sync_is_found):
            yield from fixed_rules.findings(managed, live, plan, answers.refusals.get(managed.ref))
    for trial in answers.trials.values():
        yield from (_explained(settings, plan, problem) for problem in trial.problems)
    yield from owner_rules.adoption(settings, plan, answers, elsewhere=elsewhere)
    yield from _job_by_hand(facts, plan)
    yield from _immich_on_any_node(settings, facts)
    for ref, trial in answers.trials.items():
        yield from (wording.ENTRIES_WARNED.found(ref, warning=warning) for warning in trial.warnings)


def _refused_pods(facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find pods that quotas or limits would refuse; of Immich's, only where this `up` replaces them."""
    stay = {
        Ref.of(mount)
        for mount in plan.mounts
        if (live := facts.workload(Ref.of(mount))) and not mount_rules.restarts(mount, live, plan, answers)
    }
    for ref, reason in answers.refused_pods.items():
        if ref not in stay:
            yield wording.POD_REFUSED.found(ref, reason=reason)


def _rearranged(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Photos that would be fetched a second time, beside the first copy. A run sees to it too, by the disk itself."""
    for account in plan.sync.accounts if plan.sync else ():
        ref = Ref.of(account.cron_job)
        live = answers.live.get(ref)
        if live is None or not plan.ownership.owns(live) or not live.get("status", {}).get("lastSuccessfulTime"):
            continue
        was, would_be = arrangement(live), arrangement(account.cron_job)
        if was != would_be:
            yield wording.FETCHED_AGAIN.found(ref, was=was, now=would_be, folder=was.partition(" ")[0])


def _explained(settings: Settings, plan: Plan, problem: Finding) -> Finding:
    """Say what entries that others state have to do with this stack, where more can be done than to remove them."""
    subject, values = problem.subject, problem.values
    if "stack" in values and subject in {str(Ref.of(mount)) for mount in plan.mounts}:
        return wording.IMMICH_OF_ANOTHER_STACK.found(subject, stack=values["stack"])
    labels = plan.immich_entries and subject == str(Ref.of(plan.immich_entries))
    if "manager" in values and labels and isinstance(settings.storage, HostPath):
        return wording.LEVEL_HELD.found(subject, manager=values["manager"], entries=values["entries"])
    return problem


def _job_by_hand(facts: ClusterSeen, plan: Plan) -> Iterator[Finding]:
    job = facts.directory_job
    if job is not None and marked_by(job) is None:
        yield wording.JOB_BY_HAND.found(Ref.of(job), ours=plan.directory_job.ref.name)


def _immich_on_any_node(settings: Settings, facts: ClusterSeen) -> Iterator[Finding]:
    if not isinstance(settings.storage, HostPath) or len(facts.nodes or ()) <= 1:
        return
    for live in facts.workloads:
        pod = live["spec"]["template"]["spec"]
        fixed = any(pod.get(field) for field in ("nodeName", "nodeSelector", "affinity"))
        if immich_server.chosen(settings.immich, live) and not fixed:
            yield wording.IMMICH_ON_ANY_NODE.found(workload=Ref.of(live), node=settings.storage.node)
