"""What is seen of a build that takes minutes."""

import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lab.recipes import Recipe, cache

# Never silent for longer.
QUIET_SECONDS = 30.0
_STEP = 0.1


class BuildProgress:
    """What the builder sees: a bar on a terminal; elsewhere a line every ten percent or half a minute."""

    def __init__(self, console: Console, recipes: Sequence[Recipe]) -> None:
        self._console = console
        self._minutes = {recipe.name: recipe.minutes for recipe in recipes}
        self._done: dict[str, float] = dict.fromkeys(self._minutes, 0.0)
        self._began = self._said = time.monotonic()
        self._step = 0
        self._estimate = 60 * sum(self._minutes.values()) * 2 / max(os.cpu_count() or 2, 1)
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0)

    def __enter__(self) -> Self:
        self._console.print(
            f"Building {', '.join(self._minutes)} from source into {cache()}: {_minutes(self._estimate)}, once.",
            highlight=False,
            soft_wrap=True,
        )
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None:
            self._console.print(
                f"Built in {_minutes(time.monotonic() - self._began)}.", highlight=False, soft_wrap=True
            )

    def show(self, text: str, tool: str | None = None, share: float = 0.0) -> None:
        """Say what is going on, `share` (0 to 1) being how much of `tool` is done."""
        if tool:
            self._done[tool] = share
        done = sum(self._minutes[name] * share for name, share in self._done.items()) / sum(self._minutes.values())
        now = time.monotonic()
        elapsed = now - self._began
        # What this machine shows counts for more the more of it there is.
        left = (1 - done) * ((1 - done) * self._estimate + elapsed)
        text = f"{text}, {_minutes(left)} left" if done < 1 else text
        self._bar.update(self._task, completed=done, description=text)
        step = int(done / _STEP)
        if not self._console.is_terminal and (step > self._step or now - self._said >= QUIET_SECONDS):
            self._console.print(f"{done:4.0%}  {text}", highlight=False, soft_wrap=True)
            self._step, self._said = step, now


def _minutes(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds >= 1.5 * 60 else f"about {max(seconds, 1):.0f} s"
