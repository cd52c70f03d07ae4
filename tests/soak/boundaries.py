"""`python -m tests.soak.boundaries [--seed N]`: kill -9 of the engine after each write of its state; bench/KILLS.md.

The engine writes its state before and after each operation on a resource, so that between any two writes lies one
boundary. When in between it is killed is drawn from the seed.
"""

import argparse
import contextlib
import json
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from lab import processes, toolchain
from lab.engine import SOURCE
from tests.rehearsal.conftest import Bench
from tests.soak.dump import Dump, dump
from tests.soak.rounds import restate
from tests.soak.writes import Writes

RESULTS: Final = Path(__file__).parent.parent.parent / "bench" / "KILLS.md"
# Each with the engine's operation.
STAGES: Final = {"up": "up", "update": "up", "down": "destroy"}


@dataclass(frozen=True)
class Kill:
    """What came of one kill: whether it `struck`, before the stage's end, and what was repaired `afterwards`."""

    struck: bool
    afterwards: Sequence[str]
    problems: Sequence[str]


@dataclass
class Kills:
    """What came of the kills in one stage, by the number of the write before each."""

    writes: int
    played: dict[int, Kill] = field(default_factory=dict)


class Boundaries:
    """One rehearsal: up, an update of it and its removal, again and again, with a kill in each."""

    def __init__(self, bench: Bench, seed: int, saved: Path) -> None:
        """Run each stage once without a kill: what the worlds are to be, and how often the state is written."""
        self.bench, self.seed, self._saved = bench, seed, saved
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
        saved.touch()

    def play(self) -> Iterator[str]:
        """Kill after each write of each stage, in any order; yields what came of it.

        What was saved before, and what others save meanwhile, is not played again.
        """
        numbers = [*range(1, max(kills.writes for kills in self.kills.values()) + 1)]
        random.shuffle(numbers)
        for number in numbers:
            self._read_saved()
            left = [stage for stage, of in self.kills.items() if number <= of.writes and number not in of.played]
            for stage, operation in STAGES.items() if left else ():
                if stage in left:
                    self._prepare(stage)
                    kill = self._played(stage, number)
                    with self._saved.open("a") as lines:
                        lines.write(json.dumps([stage, number, asdict(kill)]) + "\n")
                    self._read_saved()
                    yield f"{stage}, after write {number}: {'; '.join(kill.problems) or 'ok'}"
                elif stage != "update":
                    self._prepare(stage)
                    self.bench.run(operation)

    def _read_saved(self) -> None:
        for kills in self.kills.values():
            kills.played.clear()
        for line in self._saved.read_text().splitlines():
            stage, number, kill = json.loads(line)
            self.kills[stage].played[number] = Kill(**kill)

    def _played(self, stage: str, number: int) -> Kill:
        of = random.Random(f"{self.seed}/{stage}/{number}")  # noqa: S311 (repeatable is the point)
        later = of.uniform(0, self._gaps[stage][number - 1])

        def strike(write: int, engine: psutil.Process) -> None:
            if write == number:
                time.sleep(later)
                with contextlib.suppress(psutil.NoSuchProcess):
                    engine.kill()

        bench = self.bench
        words = (bench.project, bench.home, bench.stack, bench.cloudflare, STAGES[stage])
        with Writes(bench, strike):
            command = [sys.executable, "-m", "tests.soak.apart", *map(str, words)]
            killed = subprocess.run(command, cwd=SOURCE, check=False, capture_output=True).returncode != 0
        afterwards = [Path(one.partition(": ")[0]).name for one in self.bench.engine().recover()]
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
        return Kill(killed, afterwards, problems)

    def _prepare(self, stage: str) -> None:
        if stage == "up":
            self.bench.reset_settings()
        if stage == "update":
            restate(self.bench.stack_file)


def main() -> None:
    """Kill at each boundary once, and write down what came of it."""
    parser = argparse.ArgumentParser(prog="boundaries", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    saved = "save each kill there, and play none that is there, of an ended run or of one beside this, of this seed"
    parser.add_argument("--saved", type=Path, help=saved)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tools = toolchain.ensure(console)
    with tempfile.TemporaryDirectory(prefix="immich-icloud-boundaries-") as place:
        bench = Bench(Path(place).resolve(), tools, "found", photos=True)
        try:
            boundaries = Boundaries(bench, asked.seed, asked.saved or bench.home / "kills")
            console.print({stage: kills.writes for stage, kills in boundaries.kills.items()})
            for said in boundaries.play():
                console.print(said)
                RESULTS.write_text("\n".join(_table(boundaries.kills, asked.seed)) + "\n")
        finally:
            processes.end(bench.home)
    sys.exit(any(kill.problems for stage in boundaries.kills.values() for kill in stage.played.values()))


def _table(kills: dict[str, Kills], seed: int) -> Iterator[str]:
    yield "# The engine killed at every boundary\n"
    yield f"`python -m tests.soak.boundaries --seed {seed}` wrote this on {datetime.now(UTC):%Y-%m-%d}. The engine"
    yield "writes its state before and after each operation on a resource. After one write each time it was killed with"
    yield "`kill -9`, what it left was repaired as `make up` does it, and the command ran again. Where fewer kills are"
    yield "listed than writes, the run was ended before it had been through all of them. One run writes a few times"
    yield "more than another: the most is listed."
    yield "Then the whole world was compared with one without kills: cluster, Cloudflare, Immich, disk. Left out: a Job"
    yield "that checks the disk before a scan: the cluster removes that of a killed command 5 minutes after its end.\n"
    yield "| command | writes | killed after one | it had not ended | repaired afterwards | what was wrong in the end |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for stage, one in kills.items():
        played = one.played.values()
        repaired = Counter(what for kill in played for what in kill.afterwards)
        done = ", ".join(f"{what} {count}" for what, count in sorted(repaired.items())) or "nothing"
        counts = f"{max(one.writes, *one.played, 0)} | {len(played)} | {sum(kill.struck for kill in played)}"
        wrong = "<br>".join(problem for kill in played for problem in kill.problems)
        yield f"| {stage} | {counts} | {done} | {wrong or 'nothing'} |"


if __name__ == "__main__":
    main()
