"""`python -m tests.soak [--kills 50] [--seed N] [--round N]`: kill the rehearsal's commands again and again."""

import argparse
import itertools
import secrets
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import processes, toolchain
from tests.rehearsal.commands import Commands
from tests.soak.rounds import Result, Rounds


def main() -> None:
    """Play rounds until so many kills are done; a problem is printed with what repeats it."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--round", type=int, default=1, help="The first round.")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    toolchain.ensure(console)
    results = list[Result]()
    with tempfile.TemporaryDirectory(prefix="immich-icloud-soak-") as place:
        commands = Commands(Path(place).resolve())
        try:
            rounds = Rounds(commands, asked.seed)
            rounds.learn()
            played = itertools.chain.from_iterable(rounds.play(number) for number in itertools.count(asked.round))
            for result in itertools.islice(played, asked.kills):
                results.append(result)
                outcome = ("ok" if result.hit else "missed") if not result.problems else "failed"
                console.print(f"{outcome}: {result.name}: {result.kill}")
                for problem in result.problems:
                    console.print(f"  {problem}")
        finally:
            processes.end(commands.home)
            console.print(_counts(results))
    failed = sum(bool(result.problems) for result in results)
    console.print(f"{failed} of {asked.kills} failed. Again: make soak ARGS='--seed {asked.seed} --round N --kills 3'")
    sys.exit(failed > 0)


def _counts(results: Sequence[Result]) -> Table:
    """Count what was done: a kill is missed where the command ended before its moment."""
    table = Table("stage", "victim", "kills", "missed", "failed", box=None)
    groups = Counter((result.stage, result.kill.victim) for result in results)
    for stage, victim in sorted(groups):
        those = [one for one in results if (one.stage, one.kill.victim) == (stage, victim)]
        counts = (len(those), sum(not one.hit for one in those), sum(bool(one.problems) for one in those))
        table.add_row(stage, victim, *map(str, counts))
    return table


if __name__ == "__main__":
    main()
