"""Says before the first registration what the engine would say only half-way through `up`, or never."""

import pulumi

from components.ownership import Ownership
from components.plan import Plan, plan
from preflight import facts, rules
from providers.cluster_api import ClusterApi, ClusterError
from settings import Settings

__all__ = ["PreflightError", "check"]


class PreflightError(pulumi.RunError):
    """The cluster can't take this stack as it is. A RunError reaches the user without traceback."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        heading = f"Preflight found {count}; nothing was changed."
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


def check(settings: Settings, stack: str) -> Plan:
    """Read the cluster, and return what the stack will state in it.

    Args:
        settings: the stack's settings.
        stack: `<project>/<stack>`, by which the stack knows its own.

    Raises:
        PreflightError: with every problem found.

    """
    try:
        planned, problems, warnings = _examine(settings, stack)
    except ClusterError as error:
        raise PreflightError([str(error)]) from None
    for warning in warnings:
        pulumi.log.warn(warning)
    if problems or planned is None:
        raise PreflightError(problems)
    return planned


def _examine(settings: Settings, stack: str) -> tuple[Plan | None, list[str], list[str]]:
    api = ClusterApi(settings.cluster)
    seen = facts.read(api, settings)
    absent = rules.missing(settings, seen)
    if absent:
        return None, absent, []
    # Which objects were adopted is known once they have been looked up, and they are named by the plan.
    stranger = Ownership(stack, adopting=settings.adopt_existing)
    live = facts.look_up(api, plan(settings, facts.found(settings, seen, stranger), stranger))
    owner = Ownership(stack, frozenset(ref for ref in live if stranger.adopts(live[ref])), settings.adopt_existing)
    planned = plan(settings, facts.found(settings, seen, owner), owner)
    answers = facts.ask(api, planned, live)
    return planned, rules.problems(settings, seen, planned, answers), rules.warnings(settings, seen, planned, answers)
