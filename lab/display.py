"""What the engine does, line by line, for people: each step of each run, each diagnostic once."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from engine.run import Diagnostic, Run, Step
from text.markup import escape

_SIGNS = {
    "create": "[green]+[/]",
    "import": "[green]=[/]",
    "update": "[yellow]~[/]",
    "replace": "[red]±[/]",
    "create-replacement": "[red]±[/]",
    "delete-replaced": "[red]∓[/]",
    "delete": "[red]-[/]",
    "retain": "[green]=[/]",
}
_COLOURS = {"error": "red", "warning": "yellow"}
_LONGEST = 100


class Display:
    """Prints runs as they go, and their summaries."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[Diagnostic] = set()

    def show(self, item: Step | Diagnostic) -> None:
        """Print one step that changes something, or one diagnostic."""
        if isinstance(item, Diagnostic):
            if item not in self._told:  # preview and up say the same
                self._told.add(item)
                self._diagnostic(item)
        elif item.operation in _SIGNS and not item.is_component:
            kind = escape(item.type.rsplit(":", 1)[-1])
            sign = f"{_SIGNS[item.operation]} {item.operation:<8}"
            self._console.print(f"  {sign} {kind} [bold]{escape(item.name)}[/]", soft_wrap=True)
            for path, (before, after) in item.differences.items():
                self._console.print(f"      {escape(path)}: {_value(before)} → {_value(after)}", soft_wrap=True)

    def summarise(self, run: Run) -> None:
        """Print what the run came to."""
        counts = Counter(step.operation for step in run.changed)
        # In an order of their own: what the engine does at once comes in any.
        told = ", ".join(f"{one} {counts[one]}" for one in dict.fromkeys([*_SIGNS, *counts]) if counts[one])
        self._console.print(f"  {'[green]ok[/]' if run.succeeded else '[red]failed[/]'}: {told or '0 changes'}")

    def _diagnostic(self, diagnostic: Diagnostic) -> None:
        colour = _COLOURS.get(diagnostic.severity, "dim")
        about = f"{diagnostic.resource}: " if diagnostic.resource else ""
        label = f"{diagnostic.severity}: " if diagnostic.severity in _COLOURS else ""
        self._console.print(f"  [{colour}]{label}{escape(about + diagnostic.text)}[/]", soft_wrap=True)


def print_steps(console: Console, steps: Sequence[str]) -> None:
    """Print what is left for a person to do, if anything is."""
    if steps:
        console.rule("next steps", align="left")
    for number, step in enumerate(steps, start=1):
        console.print(f"  {number}. {escape(step)}", soft_wrap=True)


def _value(value: Any) -> str:
    text = "(unset)" if value is None else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
