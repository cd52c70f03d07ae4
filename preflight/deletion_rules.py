"""What is being deleted, and must not be written or waited for. Pure."""

from collections.abc import Iterator

from clients.conditions import is_going
from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import gateway_rules, wording
from preflight.dry_runs import Answers
from settings import Settings
from settings.route import Gateway
from text.finding import Finding


def found(ref: Ref, live: Manifest) -> Finding:
    """Say that an object is being deleted, and what holds it."""
    finalizers = [*live["metadata"].get("finalizers", []), *live.get("spec", {}).get("finalizers", [])]
    return wording.BEING_DELETED.found(ref, held=", ".join(finalizers) or "its pods")


def findings(settings: Settings, facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find objects of this stack, and those that it goes by, that are being deleted."""
    seen = (*_gone_by(settings, facts, plan, answers), *answers.live.values())
    going = {Ref.of(one): one for one in seen if one and is_going(one)}
    yield from (found(ref, one) for ref, one in going.items())


def _gone_by(settings: Settings, facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Manifest | None]:
    """Name what this stack needs and does not manage."""
    yield facts.photo_sync
    yield from (trial.live for trial in answers.trials.values())
    yield from (facts.workload(Ref.of(mount)) for mount in plan.mounts)
    yield from (one for one in facts.services if one["metadata"]["name"] == settings.immich.service.name)
    yield facts.origin
    yield facts.placement.node
    if facts.existing:
        yield from (facts.existing.claim, facts.existing.read, facts.existing.volume)
    if isinstance(settings.route, Gateway):
        yield from (gateway_rules.of_parent(parent, facts) for parent in settings.route.all_parents)
