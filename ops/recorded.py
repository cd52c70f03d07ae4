"""A verdict of `make verify` that was kept: what `ARGS=--json` printed, read again."""

import json
from typing import Any

from ops.checks import CHECKS
from ops.checks.check import DoesNotApply, NotChecked, Passed, Result
from ops.verify import Verdict
from text.finding import Finding, Severity
from text.visible import VisibleError


class RecordError(VisibleError):
    """It is no verdict of this program. `str()` is one line for the user."""


def verdict(text: str | bytes) -> tuple[str, Verdict]:
    """Read a verdict; returns the stack's name, too.

    Raises:
        RecordError: when the text is something else, or does not know all checks.

    """
    try:
        told = json.loads(text)
        results = {one["name"]: _result(one) for one in told["checks"]}
        return str(told["stack"]), {check: results[check.name] for check in CHECKS}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RecordError(
            f"that is no result of this version's `make verify ARGS=--json` ({type(error).__name__}: {error})"
        ) from None


def _result(one: dict[str, Any]) -> Result:
    evidence = str(one["evidence"])
    match one["result"]:
        case "passed":
            return Passed(evidence)
        case "not checked":
            return NotChecked(evidence)
        case "not applicable":
            return DoesNotApply(evidence)
        case "failed":
            return Finding(
                code=str(one["code"]),
                severity=Severity.PROBLEM,
                text=evidence,
                remedy=str(one["command"]),
                cause=str(one["cause"]),
                snippet=str(one["snippet"]),
            )
        case other:
            raise ValueError(f"result {other}")
