"""`make verify`: looks at all from the photo disk to the internet, and says what is wrong and what to do next."""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import yaml
from rich.console import Console
from rich.table import Table

from ops import compare, facts, up_role, verify_role
from ops.checks import CHECKS, disk, immich, library
from ops.checks.check import Check, DoesNotApply, NotChecked, Passed, Result, judged
from ops.command import Stack, main
from ops.facts import Facts
from ops.facts.internet import Internet, reachable
from ops.facts.part import Absent, Unread, begin, there
from ops.missing_photos import Missing
from text.command import kubectl_of
from text.finding import Finding
from text.markup import escape

Verdict = Mapping[Check, Result]

# What a Job needs that lists the disk's files, and what a comparison would repeat.
_BEFORE_THE_DISK_IS_LISTED = (disk.DIRECTORY, disk.VOLUME, immich.MOUNT, library.LIBRARY, library.SCAN)
_LISTING = 600.0  # seconds: a hundred thousand files on a slow disk take minutes
_EVERY = 30.0  # seconds between two looks of --watch
_SHOWN = {
    Passed: "[green]passed[/]",
    Finding: "[red]failed[/]",
    NotChecked: "[yellow]not checked[/]",
}
_ROLES = {"verify": verify_role.manifests, "up": up_role.manifests}
_NAMES = {Passed: "passed", Finding: "failed", NotChecked: "not checked", DoesNotApply: "not applicable"}


def verify(stack: Stack, outside: Internet | None, *, upload: bool = False, listing: bool = True) -> Verdict:
    """Check everything at once; nothing is changed. Where all is well up to Immich, a Job then lists the disk's files.

    Args:
        stack: the stack.
        outside: the way to its host; None where no public name leads to it.
        upload: whether to try large uploads, too.
        listing: whether to compare the disk's files with Immich.

    Raises:
        ClusterError: when the kubeconfig can't be used.

    """
    seen = facts.read_facts(stack.settings, stack.name, outside, upload=upload)
    verdict = judged(CHECKS, seen)
    if listing and all(isinstance(verdict[check], Passed) for check in _BEFORE_THE_DISK_IS_LISTED):
        seen = replace(seen, missing=_compared(stack, seen))
        verdict = judged(CHECKS, seen)
    return verdict


def _compared(stack: Stack, seen: Facts) -> tuple[Missing, ...] | Unread:
    """Compare, unless a sync is at work or has ended since a library was scanned."""
    libraries = [one for one in there(seen.libraries).libraries if one.live]
    scans = [one.scanned_at for one in libraries]
    accounts = () if isinstance(seen.accounts, Unread) else seen.accounts
    runs = [run for account in accounts for run in account.runs]
    if any(run.ended is None or (scan and run.ended > scan) for run in runs for scan in scans):
        return Absent("photos that were synced since the last scan are imported by the next one")
    ids = [one.live.id for one in libraries if one.live]
    return begin(lambda: compare.look(stack, ids), _LISTING)()


def is_well(verdict: Verdict) -> bool:
    """Whether all that applies has passed: what could not be checked has not."""
    return all(isinstance(result, Passed | DoesNotApply) for result in verdict.values())


def as_json(stack: str, verdict: Verdict) -> str:
    """Render a verdict for programs."""
    checks = [
        {
            "name": check.name,
            "looks_at": check.looks_at,
            "result": _NAMES[type(result)],
            "evidence": evidence(result),
            "code": result.code if isinstance(result, Finding) else "",
            "cause": result.cause if isinstance(result, Finding) else "",
            "command": result.remedy if isinstance(result, Finding) else "",
            "snippet": result.snippet if isinstance(result, Finding) else "",
        }
        for check, result in verdict.items()
    ]
    return json.dumps({"stack": stack, "passed": is_well(verdict), "checks": checks}, indent=2)


def evidence(result: Result) -> str:
    """Say what was seen, or why nothing was."""
    match result:
        case Passed():
            return result.evidence
        case Finding():
            return result.text
    return result.why


def show(console: Console, verdict: Verdict) -> None:
    """Render a verdict for people: the table, and then each fault with what to do next."""
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "result", "evidence"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "evidence")
    for check, result in verdict.items():
        if not isinstance(result, DoesNotApply):
            table.add_row(check.name, _SHOWN[type(result)], escape(evidence(result)))
    console.print(table)
    # Many checks do not apply for one reason, which a narrow terminal would break into a column of its own each time.
    for why, names in _not_applicable(verdict).items():
        console.print(f"\n[dim]not applicable: {', '.join(names)}\n  {escape(why)}[/]")
    faults = {check: result for check, result in verdict.items() if isinstance(result, Finding)}
    for check, fault in faults.items():
        console.print(f"\n[red]{check.name}[/]: {escape(fault.text)}", soft_wrap=True)
        console.print(f"  likely cause: {escape(fault.cause)}", soft_wrap=True)
        if fault.snippet:
            console.print(f"\n{escape(fault.snippet)}", soft_wrap=True)  # from the margin, so that it can be pasted
        console.print(f"  next: [bold]{escape(fault.remedy)}[/]", soft_wrap=True)
    console.print(f"\n{_summary(verdict)}")


def _not_applicable(verdict: Verdict) -> dict[str, list[str]]:
    """Name the checks that do not apply, by the reason."""
    found: dict[str, list[str]] = {}
    for check, result in verdict.items():
        if isinstance(result, DoesNotApply):
            found.setdefault(result.why, []).append(check.name)
    return found


def _summary(verdict: Verdict) -> str:
    counts = {name: sum(_NAMES[type(result)] == name for result in verdict.values()) for name in _NAMES.values()}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make verify", description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="for programs")
    how.add_argument("--watch", action="store_true", help=f"look again every {_EVERY:.0f} s, until Ctrl-C")
    how.add_argument(
        "--role",
        nargs="?",
        const="verify",
        choices=list(_ROLES),
        help="print what it, or a preview and `up`, has to be allowed in the cluster, as manifests",
    )
    parser.add_argument("--upload", action="store_true", help="try uploads of the plan's limit, too: minutes")
    return parser.parse_args(arguments)


def _perform(stack: Stack, how: argparse.Namespace) -> None:
    console = Console(highlight=False)
    if how.role:
        console.out(yaml.safe_dump_all(_ROLES[how.role](stack.settings, stack.name), sort_keys=False), end="")
        return
    while how.watch:
        verdict = verify(stack, reachable(), listing=False)
        console.clear()
        _show(console, stack, verdict)
        time.sleep(_EVERY)
    verdict = verify(stack, reachable(), upload=how.upload)
    if how.json:
        console.out(as_json(stack.name, verdict))
    else:
        _show(console, stack, verdict)
    if not is_well(verdict):
        sys.exit(1)


def _show(console: Console, stack: Stack, verdict: Verdict) -> None:
    show(console, verdict)
    next_ones = (one.remedy for one in verdict.values() if isinstance(one, Finding))
    for line in kubectl_of("\n".join(next_ones), stack.settings.cluster.kubectl):
        console.print(escape(line), soft_wrap=True)


if __name__ == "__main__":
    options = _parsed(sys.argv[1:])
    main(lambda stack, _: _perform(stack, options))
