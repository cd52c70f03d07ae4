"""Says before the first registration what the engine would say only half-way through `up`, or never."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pulumi

from clients.cloudflare import CloudflareError
from clients.kubernetes import ClusterApi, ClusterError
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from preflight import (
    cloudflare_facts,
    cloudflare_rules,
    facts,
    host,
    immich_facts,
    immich_rules,
    missing_rules,
    mount_rules,
    rules,
    space_rules,
    state,
    wording,
)
from preflight.cloudflare_facts import CloudflareFacts
from preflight.facts import Facts
from providers import tunnel_rules
from settings import Settings
from settings.load import Connections
from text.finding import Finding, Severity
from text.visible import visible_sentence

__all__ = ["PreflightError", "check", "of_removal"]

_ADOPTIONS = {
    one.code
    for one in (
        wording.LIBRARY_ADOPTED, wording.RECORD_ADOPTED, wording.RECORD_ADOPTED_AND_CHANGED, wording.RULE_ADOPTED,
    )
}  # fmt: skip


class PreflightError(pulumi.RunError):
    """Cluster or Cloudflare can't take this stack as it is. A RunError reaches the user without traceback."""

    def __init__(self, problems: Sequence[Finding]) -> None:
        self.problems = tuple(problems)
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        heading = f"Preflight found {count}; nothing was changed."
        super().__init__("\n".join([heading, *(f"  - {visible_sentence(str(one))}" for one in problems)]))


def check(settings: Settings, stack: str) -> Plan:
    """Read cluster and Cloudflare, and return what the stack will state there.

    Args:
        settings: the stack's settings.
        stack: `<project>/<stack>`, by which the stack knows its own.

    Raises:
        PreflightError: with every problem found.

    """
    try:
        planned, found = _examine(settings, stack)
    except (ClusterError, CloudflareError) as error:
        raise PreflightError([wording.UNREADABLE.found(reason=error)]) from None
    _tell(pulumi.log.warn, found, Severity.WARNING)
    problems = [one for one in found if one.severity is Severity.PROBLEM]
    if problems or planned is None:
        raise PreflightError(problems)
    _tell(pulumi.log.info, found, Severity.NEWS)
    return planned


def of_removal(connections: Connections) -> Plan | None:
    """Say what removing the stack does to the photos in Immich; nothing is stated then, so there is no plan."""
    found = [
        *([wording.REMOVED_UNDER_CHART.found()] if connections.mounted_by_chart else ()),
        *([wording.PHOTOS_UNSEEN.found()] if connections.shows_photos else ()),
    ]
    _tell(pulumi.log.warn, found, Severity.WARNING)
    return None


def _tell(log: Callable[[str], object], found: Iterable[Finding], severity: Severity) -> None:
    for one in found:
        if one.severity is severity:
            log(visible_sentence(str(one)))


def _examine(settings: Settings, stack: str) -> tuple[Plan | None, list[Finding]]:
    api, cloudflare = ClusterApi(settings.cluster), cloudflare_facts.connect(settings)
    seen = facts.read(api, settings)
    known = state.known()
    there = cloudflare_facts.read(cloudflare, api, settings, known) if cloudflare else None
    missing = [
        *missing_rules.findings(settings, seen),
        *(cloudflare_rules.missing(settings, there) if there else ()),
    ]
    if missing:
        return None, missing
    # Which objects were adopted is known once they have been looked up, and they are named by the plan.
    stranger = Ownership(stack, adopting=settings.adopt_existing)
    first = plan(settings, _found(settings, seen, there, stranger), stranger)
    live = facts.look_up(api, first)
    owner = Ownership(stack, frozenset(ref for ref in live if stranger.adopts(live[ref])), settings.adopt_existing)
    found = replace(
        _found(settings, seen, there, owner),
        synced=facts.synced(first, live),
        resolves=host.resolves(settings),
        mounted=facts.mounted(first, seen),
    )
    planned = plan(settings, found, owner)
    answers = facts.ask(api, planned, live, known)
    immich = immich_facts.read(api, settings, planned.libraries, known)
    rule_set = planned.way_in.rules if planned.way_in else None
    trial = None
    if cloudflare and rule_set:
        trial = tunnel_rules.compare(cloudflare, api, rule_set, cloudflare_facts.known_rules(known, rule_set))
    outside = [
        *immich_rules.findings(settings, immich, planned.libraries.settings if planned.libraries else None),
        *(cloudflare_rules.findings(settings, there, planned, trial) if there else ()),
    ]
    elsewhere = any(one.code in _ADOPTIONS for one in outside)
    return planned, [
        *rules.findings(settings, seen, planned, answers, elsewhere=elsewhere),
        *mount_rules.findings(settings, seen, planned, answers),
        *space_rules.findings(settings, seen.space),
        *outside,
    ]


def _found(settings: Settings, seen: Facts, there: CloudflareFacts | None, owner: Ownership) -> Found:
    found = facts.found(settings, seen, owner)
    if there is None:
        return found
    return replace(
        found,
        cloudflare=cloudflare_facts.found(settings, there, owner),
        origin=cloudflare_facts.origin(settings, there),
    )
