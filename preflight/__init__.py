"""Says before the first registration what the engine would say only half-way through `up`, or never."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pulumi

import observe
from clients.cloudflare import CloudflareError
from clients.kubernetes import ClusterApi, ClusterError
from components.plan import Plan
from observe import state
from observe.planned import planned
from preflight import (
    cloudflare_rules,
    dry_runs,
    immich_rules,
    missing_rules,
    mount_rules,
    origin_rules,
    policy_rules,
    removal_rules,
    rules,
    space_rules,
    wording,
    writer_rules,
)
from settings import Settings
from settings.load import Connections
from text.command import Command, kubectl_of, with_command
from text.finding import Finding, Severity
from text.resource_types import JOB, LIBRARY
from text.visible import visible_lines, visible_sentence

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
        plan, found = _examine(settings, stack)
    except (ClusterError, CloudflareError) as error:
        raise PreflightError([wording.UNREADABLE.found(reason=with_command(error, pulumi.get_stack()))]) from None
    for line in kubectl_of("\n".join(map(str, found)), settings.cluster.kubectl):
        pulumi.log.info(line)
    _tell(pulumi.log.warn, found, Severity.WARNING)
    problems = [one for one in found if one.severity is Severity.PROBLEM]
    if problems or plan is None:
        raise PreflightError(problems)
    _tell(pulumi.log.info, found, Severity.NEWS)
    return plan


def of_removal(connections: Connections) -> Plan | None:
    """Say what removing the stack does to the photos in Immich; nothing is stated then, so there is no plan.

    Raises:
        PreflightError: when the removal would wait for pods that keep a claim.

    """
    known = state.known()
    command, made = Command("chart-values", pulumi.get_stack()), {one.type for one in known}
    remains = [
        *removal_rules.mounted_by_others(connections.cluster, known),
        *([wording.REMOVED_UNDER_CHART.found(command=command)] if connections.mounted_by_chart and JOB in made else ()),
    ]
    found = [*remains, *([wording.PHOTOS_UNSEEN.found()] if LIBRARY in made else ())]
    _tell(pulumi.log.warn, found, Severity.WARNING)
    if remains and (held := removal_rules.held_claims(connections.cluster, known)):
        raise PreflightError(held)
    return None


def _tell(log: Callable[[str], object], found: Iterable[Finding], severity: Severity) -> None:
    for one in found:
        if one.severity is severity:
            log("\n".join([visible_sentence(str(one)), *([visible_lines(one.snippet)] if one.snippet else [])]))


def _examine(settings: Settings, stack: str) -> tuple[Plan | None, list[Finding]]:
    api = ClusterApi(settings.cluster)
    settings = observe.cluster.resolve(api, settings)
    observed = observe.read_world(api, settings, stack, state.known())
    missing = list(missing_rules.findings(settings, observed))
    if missing:
        return None, missing
    plan = planned(settings, stack, observed)
    answers = dry_runs.ask(api, plan, observed)
    server_wide = plan.libraries.settings if plan.libraries else None
    outside = [
        *immich_rules.findings(settings, observed.immich, server_wide),
        *(cloudflare_rules.findings(settings, observed.cloudflare, plan) if observed.cloudflare else ()),
        *(origin_rules.findings(settings, observed.cluster, observed.cloudflare) if observed.cloudflare else ()),
    ]
    elsewhere = any(one.code in _ADOPTIONS for one in outside)
    return replace(plan, mutated=dry_runs.mutated(plan, answers)), [
        *rules.findings(settings, observed.cluster, plan, answers, elsewhere=elsewhere),
        *mount_rules.findings(settings, observed.cluster, plan, answers),
        *policy_rules.findings(observed.cluster, plan, answers),
        *space_rules.findings(settings, observed.cluster.space),
        *writer_rules.findings(settings, observed.writers, plan, observed.cluster.existing),
        *outside,
    ]
