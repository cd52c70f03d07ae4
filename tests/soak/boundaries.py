"""`python -m tests.soak.boundaries [--seed N]`: kill -9 of the engine after each write of its state; bench/KILLS.md.

The engine writes its state before and after each operation on a resource, so that between any two writes lies one
boundary. When in between it is killed is drawn from the seed.
"""

import argparse
import contextlib
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from lab import processes, toolchain
from tests.rehearsal.conftest import Bench
from tests.soak.dump import Dump, dump
from tests.soak.rounds import restate
from tests.soak.writes import Writes

RESULTS: Final = Path(__file__).parent.parent.parent / "bench" / "KILLS.md"
# Each with the engine's operation.
STAGES: Final = {"up": "up", "update": "up", "down": "destroy"}


@dataclass
class Kills:
    """What came of the kills in one stage: `struck` counts those that came before its end."""

    writes: int
    played: int = 0
    struck: int = 0
    afterwards: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Boundaries:
    """One rehearsal: up, an update of it and its removal, again and again, with a kill in each."""

    def __init__(self, bench: Bench, seed: int) -> None:
        """Run each stage once without a kill: what the worlds are to be, and how often the state is written."""
        self.bench, self.seed = bench, seed
        self.found = dump(bench.home)
        self.kills = dict[str, Kills]()
        self._gaps = dict[str, list[float]]()
        self._expected = dict[str, Dump]()
        for stage, operation in STAGES.items():
            self._prepare(stage)
            with Writes(bench) as writes:
                run = bench.run(operation)
            assert run.succeeded, run.errors
            self._gaps[stage] = [*writes.gaps, 0.0]
            self._expected[stage] = dump(bench.home)
            self.kills[stage] = Kills(len(writes.times))

    def play(self) -> Iterator[str]:
        """Kill after the first write of each stage, the third, and so on, then the others; yields what came of it."""
        most = max(kills.writes for kills in self.kills.values())
        for number in (*range(1, most + 1, 2), *range(2, most + 1, 2)):
            for stage, operation in STAGES.items():
                if number <= self.kills[stage].writes:
                    self._prepare(stage)
                    yield f"{stage}, after write {number}: {'; '.join(self._played(stage, number)) or 'ok'}"
                elif stage != "update":
                    self.bench.run(operation)

    def _played(self, stage: str, number: int) -> Sequence[str]:
        kills = self.kills[stage]
        of = random.Random(f"{self.seed}/{stage}/{number}")  # noqa: S311 (repeatable is the point)
        later = of.uniform(0, self._gaps[stage][number - 1])

        def strike(write: int, engine: psutil.Process) -> None:
            if write == number:
                time.sleep(later)
                with contextlib.suppress(psutil.NoSuchProcess):
                    engine.kill()

        with Writes(self.bench, strike):
            killed = not self.bench.run(STAGES[stage]).succeeded
        kills.played += 1
        kills.struck += killed
        kills.afterwards.update(Path(one.partition(": ")[0]).name for one in self.bench.engine().recover())
        again = self.bench.run(STAGES[stage])
        if not again.succeeded:
            problems = [f"the next one failed: {again.errors}"]
        else:
            now = dump(self.bench.home)
            problems = self._expected[stage].differences(now)
            problems += [f"{one}: replaced" for one in self.found.replaced(now)]
            if stage != "down":
                problems += now.disagreements()
                problems += ["the state has operations that never ended"] * self.bench.engine().interrupted()
        kills.problems += problems
        return problems

    def _prepare(self, stage: str) -> None:
        if stage == "up":
            self.bench.reset_settings()
        if stage == "update":
            restate(self.bench.stack_file)


def main() -> None:
    """Kill at each boundary once, and write down what came of it."""
    parser = argparse.ArgumentParser(prog="boundaries", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tools = toolchain.ensure(console)
    with tempfile.TemporaryDirectory(prefix="immich-icloud-boundaries-") as place:
        bench = Bench(Path(place).resolve(), tools, "found", photos=True)
        try:
            boundaries = Boundaries(bench, asked.seed)
            console.print({stage: kills.writes for stage, kills in boundaries.kills.items()})
            for said in boundaries.play():
                console.print(said)
                RESULTS.write_text("\n".join(_table(boundaries.kills, asked.seed)) + "\n")
        finally:
            processes.end(bench.home)
    sys.exit(any(kills.problems for kills in boundaries.kills.values()))


def _table(kills: dict[str, Kills], seed: int) -> Iterator[str]:
    yield "# The engine killed at every boundary\n"
    yield f"`python -m tests.soak.boundaries --seed {seed}` wrote this on {datetime.now(UTC):%Y-%m-%d}. The engine"
    yield "writes its state before and after each operation on a resource. After one write each time it was killed with"
    yield "`kill -9`, what it left was repaired as `make up` does it, and the command ran again. Where fewer kills are"
    yield "listed than writes, the run was ended before it had been through all of them."
    yield "Then the whole world was compared with one without kills: cluster, Cloudflare, Immich, disk.\n"
    yield "| command | writes | killed after one | it had not ended | repaired afterwards | what was wrong in the end |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for stage, one in kills.items():
        done = ", ".join(f"{what} {count}" for what, count in sorted(one.afterwards.items())) or "nothing"
        counts = f"{one.writes} | {one.played} | {one.struck}"
        yield f"| {stage} | {counts} | {done} | {'<br>'.join(one.problems) or 'nothing'} |"


if __name__ == "__main__":
    main()
