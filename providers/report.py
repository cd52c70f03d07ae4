"""Messages of a dynamic resource: the engine shows what a provider writes and refuses, as it comes."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult

from text.visible import VisibleError, visible_lines, visible_sentence


def report(text: str) -> None:
    """Say something while it works."""
    print(visible_lines(text), file=sys.stderr, flush=True)  # noqa: T201


def checked(news: dict[str, Any], problems: Callable[[], Iterable[object]]) -> CheckResult:
    """Accept inputs, or refuse them for the problems found, or because nothing can be found.

    Without a property's name: with one, the engine prints the property's value.
    """
    try:
        found = [*problems()]
    except VisibleError as error:
        found = [error]
    return CheckResult(news, [CheckFailure("", visible_sentence(str(problem))) for problem in found])
