"""The one issue about a stack that `make verify` fails: opened, updated, and closed when it passes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from review.comment import LIMIT
from review.markdown import code
from text.command import Command

_REST: Final = "\n\nThe rest is in the log of the run.\n"


class _Check(BaseModel):
    name: str
    result: str
    evidence: str
    code: str
    cause: str
    command: str


class _Verdict(BaseModel):
    passed: bool
    checks: list[_Check]


@dataclass(frozen=True)
class Issue:
    """What GitHub should have.

    Attributes:
        marker: the body's first line, by which the issue is found again.
        title: its title.
        body: the whole body; None: no issue is open.

    """

    marker: str
    title: str
    body: str | None


def issue(stack: str, verified: Path, run: str) -> Issue:
    """Make it of what `make verify ARGS=--json` printed. Where that is no verdict, verify itself has failed.

    Args:
        stack: the stack that was verified.
        verified: the file.
        run: the address of the workflow's run; empty where there is none.

    """
    marker, command = f"<!-- immich-icloud verify {stack} -->", str(Command("verify", stack))
    try:
        verdict = _Verdict.model_validate_json(verified.read_bytes())
    except (OSError, ValidationError):
        verdict = None
    if verdict and verdict.passed:
        return Issue(marker, f"{command} fails", None)
    seen = f"\n\nLast seen by [this run]({run})." if run else ""
    return Issue(marker, f"{command} fails", _within(f"{marker}\n\n{_described(verdict, command)}{seen}\n"))


def _described(verdict: _Verdict | None, command: str) -> str:
    if verdict is None:
        return f"{code(command)} did not finish: its run has the reason in its log."
    faults = [check for check in verdict.checks if check.result == "failed"]
    lines = [
        f"- **{code(check.name)}** ({code(check.code)}): {code(check.evidence)}. Likely cause: {code(check.cause)}. "
        f"Next: {code(check.command)}"
        for check in faults
    ]
    unknown = [check for check in verdict.checks if check.result == "not checked"]
    lines += [f"- {code(check.name)} could not be checked: {code(check.evidence)}" for check in unknown]
    return f"{code(command)} found:\n\n" + "\n".join(lines)


def _within(text: str) -> str:
    lines, rest = text.splitlines(keepends=True), ""
    while len("".join(lines).encode()) > LIMIT - len(rest):  # by whole lines: half a span of code is none
        lines.pop()
        rest = _REST
    return "".join(lines) + rest


def address(environment: Mapping[str, str]) -> str:
    """Find the address of the workflow's run."""
    known = [environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*known) if all(known) else ""
