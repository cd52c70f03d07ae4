"""What is being deleted, and must not be written or waited for. Pure."""

from collections.abc import Iterator

from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from preflight import wording
from preflight.dry_runs import Answers
from settings import Settings
from text.finding import Finding


def is_going(live: Manifest) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in live["metadata"]


def found(ref: Ref, live: Manifest) -> Finding:
    """Say that an object is being deleted, and what holds it."""
    finalizers = [*live["metadata"].get("finalizers", []), *live.get("spec", {}).get("finalizers", [])]
    return wording.BEING_DELETED.found(ref, held=", ".join(finalizers) or "its pods")


def findings(settings: Settings, facts: ClusterSeen, plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Find objects of this stack, and of Immich, that are being deleted."""
    service = settings.immich.service.name
    theirs = (
        *(facts.workload(Ref.of(mount)) for mount in plan.mounts),
        *(one for one in facts.services if one["metadata"]["name"] == service),
    )
    live = {Ref.of(one): one for one in theirs if one} | dict(answers.live)
    yield from (found(ref, one) for ref, one in live.items() if is_going(one))
