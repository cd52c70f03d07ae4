"""`make status`: what the state of a stack holds, when it was deployed, and whether the cluster has drifted since."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from engine.deployment import Deployment
from ops import facts
from ops.checks.check import NotChecked, Passed, Result
from ops.checks.drift import ARGOCD, DRIFT
from ops.command import Stack, main, say
from ops.stack import deployment_of
from settings import PROJECT
from text.command import Command
from text.finding import Finding
from text.outputs import lines, steps
from text.pulumi_secret import SIGNATURE

_STACK = "pulumi:pulumi:Stack"


def report(stack: str, deployment: Mapping[str, Any], drift: Result, next_writer: Result) -> Iterator[str]:
    """Report on a stack, a line each.

    Args:
        stack: the stack's name.
        deployment: its state, as Pulumi exports it.
        drift: whether the cluster is as the stack states it.
        next_writer: whether another manager is about to change that.

    """
    resources = [one for one in deployment.get("resources") or () if not one["type"].startswith("pulumi:")]
    yield f"Stack: {PROJECT}/{stack}"
    if not resources:
        yield f"State: nothing is deployed. Next: {Command('up', stack)}"
        return
    yield f"State: {len(resources)} resources, last written {_time(deployment)}"
    if unended := Deployment.model_validate(deployment).unended:
        yield f"Interrupted: {len(unended)} operations have not ended. Next: {Command('up', stack)}"
        if any(one.type == "creating" for one in unended):  # of what has left the program `up` makes nothing
            yield f"If it stays after that: pulumi refresh --clear-pending-creates --stack {stack}"
    for title, result in (("Drift", drift), ("Other managers", next_writer)):
        yield f"{title}: {_of(result)}"
    outputs = next((one.get("outputs") or {} for one in deployment["resources"] if one["type"] == _STACK), {})
    hidden = {name: "[secret]" for name, value in outputs.items() if isinstance(value, Mapping) and SIGNATURE in value}
    yield from lines({**outputs, **hidden})
    if left := steps(outputs):
        # They are an output of `up`: nothing takes them out when they are done.
        yield f"Steps after that deployment ({Command('verify', stack)} checks which are done):"
        yield from (f"  {number}. {step}" for number, step in enumerate(left, start=1))


def _of(result: Result) -> str:
    match result:
        case Passed():
            return f"none seen: {result.evidence}"
        case Finding():
            return f"suspected: {result.text}. Next: {result.remedy}"
    return f"{'unknown' if isinstance(result, NotChecked) else 'none'}: {result.why}"


def _time(deployment: Mapping[str, Any]) -> str:
    text = str((deployment.get("manifest") or {}).get("time", ""))
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}"
    except ValueError:
        return "at an unknown time"


def status(stack: Stack, _: str | None) -> None:
    """Print it; the cluster is read, and nothing is changed."""
    seen = facts.read_facts(stack.settings, stack.name, None)
    for line in report(stack.name, deployment_of(stack.name), DRIFT.result(seen), ARGOCD.result(seen)):
        say(line)


if __name__ == "__main__":
    main(status)
