"""Messages of a dynamic resource: the engine shows what a provider writes and refuses, as it comes."""

import sys
from collections.abc import Iterable

from pulumi.dynamic import CheckFailure

from text.visible import visible_lines, visible_sentence


def report(text: str) -> None:
    """Say something while it works."""
    print(visible_lines(text), file=sys.stderr, flush=True)  # noqa: T201


def refusals(problems: Iterable[object]) -> list[CheckFailure]:
    """Refuse inputs. Without a property's name: with one, the engine prints the property's value."""
    return [CheckFailure("", visible_sentence(str(problem))) for problem in problems]
