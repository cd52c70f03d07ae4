"""Says before the first registration what the engine would say only half-way through `up`, or never."""

from dataclasses import dataclass, field, replace

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
    mount_rules,
    rules,
    space_rules,
    state,
)
from preflight.cloudflare_facts import CloudflareFacts
from preflight.facts import Facts
from providers import tunnel_rules
from settings import Settings
from settings.load import Connections
from text.visible import visible_sentence

__all__ = ["PreflightError", "check", "of_removal"]


class PreflightError(pulumi.RunError):
    """Cluster or Cloudflare can't take this stack as it is. A RunError reaches the user without traceback."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = list(map(visible_sentence, problems))
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        heading = f"Preflight found {count}; nothing was changed."
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in self.problems)]))


def check(settings: Settings, stack: str) -> Plan:
    """Read cluster and Cloudflare, and return what the stack will state there.

    Args:
        settings: the stack's settings.
        stack: `<project>/<stack>`, by which the stack knows its own.

    Raises:
        PreflightError: with every problem found.

    """
    try:
        verdict = _examine(settings, stack)
    except (ClusterError, CloudflareError) as error:
        raise PreflightError([str(error)]) from None
    for warning in verdict.warnings:
        pulumi.log.warn(visible_sentence(warning))
    if verdict.problems or verdict.plan is None:
        raise PreflightError(verdict.problems)
    for sentence in verdict.news:
        pulumi.log.info(visible_sentence(sentence))
    return verdict.plan


def of_removal(connections: Connections) -> Plan | None:
    """Say what removing the stack does to the photos in Immich; nothing is stated then, so there is no plan."""
    if connections.mounted_by_chart:
        pulumi.log.warn(
            "Immich's chart mounts the photos, and goes on to (immich.mount: chart). Before you remove this stack, "
            "take what `make chart-values` prints out of the chart's values, and let ArgoCD sync. Else Immich's next "
            "pod does not start: the claim that it mounts is gone (removal waits until no pod uses it), or its "
            "namespace no longer lets a pod in that mounts a directory of the node"
        )
    if connections.shows_photos:
        pulumi.log.warn(
            "Immich keeps its libraries and no longer sees their photos. Its next scan (each midnight, unless it was "
            "set otherwise before this stack) moves them to its trash, which is emptied after 30 days by default, and "
            "their places in albums go. The files stay. Deploy again before that, or turn the scan off in Immich at "
            "once (Administration, Settings, External Library)"
        )
    return None


@dataclass(frozen=True)
class _Verdict:
    plan: Plan | None
    problems: list[str]
    warnings: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)


def _examine(settings: Settings, stack: str) -> _Verdict:
    api, cloudflare = ClusterApi(settings.cluster), cloudflare_facts.connect(settings)
    seen = facts.read(api, settings)
    known = state.known()
    there = cloudflare_facts.read(cloudflare, api, settings, known) if cloudflare else None
    absent = rules.missing(settings, seen) + (cloudflare_rules.missing(settings, there) if there else [])
    if absent:
        return _Verdict(None, absent)
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
    server_wide = planned.libraries.settings if planned.libraries else None
    rule_set = planned.way_in.rules if planned.way_in else None
    trial = tunnel_rules.attempt(cloudflare, api, rule_set) if cloudflare and rule_set else None
    elsewhere = bool(immich and immich.taken_over) or bool(there and cloudflare_rules.takes_over(there, planned, trial))
    return _Verdict(
        planned,
        [
            *rules.problems(settings, seen, planned, answers),
            *mount_rules.problems(planned, answers),
            *immich_rules.problems(immich, server_wide),
            *(cloudflare_rules.problems(settings, there, planned, trial) if there else ()),
        ],
        [
            *rules.warnings(settings, seen, planned, answers, elsewhere=elsewhere),
            *mount_rules.warnings(planned, answers),
            *space_rules.warnings(settings, seen.space),
            *immich_rules.warnings(settings, immich),
            *(cloudflare_rules.warnings(settings, there, planned, trial) if there else ()),
        ],
        [
            *mount_rules.news(planned, answers),
            *space_rules.news(settings, seen.space),
            *immich_rules.news(immich, server_wide),
            *cloudflare_rules.news(settings, planned, trial),
        ],
    )


def _found(settings: Settings, seen: Facts, there: CloudflareFacts | None, owner: Ownership) -> Found:
    found = facts.found(settings, seen, owner)
    if there is None:
        return found
    return replace(
        found,
        cloudflare=cloudflare_facts.found(settings, there, owner),
        origin=cloudflare_facts.origin(settings, there),
    )
