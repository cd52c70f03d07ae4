"""What a check is: what it looks at, for which stacks, and how it judges; and what it can come to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from clients.kubernetes import Ref
from components import immich_server
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import AbsentError, UnreadError
from settings import Settings
from settings.cloudflare import LocalTunnel, OnCloudflare, SharedTunnel, Tunnelled
from settings.route import NoRoute
from settings.storage import OnNode
from text.finding import Finding, Situation


@dataclass(frozen=True)
class Passed:
    """All is well, as the evidence shows."""

    evidence: str


@dataclass(frozen=True)
class NotChecked:
    """Unknown, and why."""

    why: str


@dataclass(frozen=True)
class DoesNotApply:
    """There is nothing to check here, and why."""

    why: str


Result = Passed | Finding | NotChecked | DoesNotApply


@dataclass(frozen=True)
class Scope:
    """Which stacks a check is for, as text and as a predicate on their settings."""

    words: str
    holds: Callable[[Settings], bool]


EVERY = Scope("every stack", lambda _: True)
ON_NODE = Scope("stacks whose photos lie on a node", lambda settings: isinstance(settings.storage, OnNode))
ROUTED = Scope("stacks with a route", lambda settings: not isinstance(settings.route, NoRoute))
ON_CLOUDFLARE = Scope("stacks on Cloudflare", lambda settings: isinstance(settings.cloudflare, OnCloudflare))
TUNNELLED = Scope("stacks with a tunnel", lambda settings: isinstance(settings.cloudflare, Tunnelled))
SHARING = Scope(
    "stacks in a tunnel that others use too",
    lambda settings: isinstance(settings.cloudflare, SharedTunnel | LocalTunnel),
)
SYNCING = Scope("stacks with accounts", lambda settings: bool(settings.photo_sync.accounts))
NOTIFIED = Scope(
    "stacks with accounts and notifications",
    lambda settings: bool(settings.photo_sync.accounts and settings.notifications),
)
IN_IMMICH = Scope("stacks with immichApiKey", lambda settings: settings.immich_api_key is not None)


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Attributes:
        name: never changes: programs know the check by it.
        looks_at: what it looks at, as text.
        judge: tells the result by the facts; it raises UnreadError where a part that it needs was not read.
        faults: all that it can find.
        scope: which stacks it is for.
        follows: the names of earlier checks without which this one can't pass: one cause is one fault.

    """

    name: str
    looks_at: str
    judge: Callable[[Facts], Result]
    faults: tuple[Situation, ...]
    scope: Scope = EVERY
    follows: tuple[str, ...] = ()

    def result(self, facts: Facts) -> Result:
        """Judge by the facts."""
        if not self.scope.holds(facts.settings):
            return DoesNotApply(f"only for {self.scope.words}")
        try:
            return self.judge(facts)
        except AbsentError as absent:
            return DoesNotApply(str(absent))
        except UnreadError as unread:
            return NotChecked(str(unread))


def judged(checks: Iterable[Check], facts: Facts) -> dict[Check, Result]:
    """Judge by each check in turn. What follows from an earlier failure is no fault of its own."""
    verdict: dict[Check, Result] = {}
    causes: dict[str, str] = {}
    for check in checks:
        verdict[check] = result = check.result(facts)
        if isinstance(result, Finding):
            cause = next((causes[name] for name in check.follows if name in causes), "")
            causes[check.name] = cause or check.name
            if cause:
                verdict[check] = NotChecked(f"follows from the failure of {cause}")
    return verdict


def failed(facts: Facts, fault: Situation, evidence: str, **values: str) -> Finding:
    """Find that something is wrong; `values` are those of the command beside the stack's own."""
    settings = facts.settings
    planned = facts.cluster.plan.mounts[0] if isinstance(facts.cluster, ClusterFacts) else None
    workload = Ref.of(planned) if planned else immich_server.expected(settings.immich).ref
    known = {
        "stack": facts.stack,
        "host": settings.host,
        "immich": settings.immich.namespace,
        "kind": workload.kind.lower(),
        "workload": workload.name,
        "service": settings.immich.backend.service,
        "sync": settings.photo_sync.namespace,
        **values,
    }
    return fault.found(evidence=evidence, **known)
