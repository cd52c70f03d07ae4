"""`python -m tests.soak [--kills 50] [--seed N] [--round N]`: kill the rehearsal's commands again and again."""

import argparse
import itertools
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from lab import processes, toolchain
from tests.rehearsal.commands import Commands
from tests.soak.rounds import Rounds


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
    failed = 0
    with tempfile.TemporaryDirectory(prefix="immich-icloud-soak-") as place:
        commands = Commands(Path(place).resolve())
        try:
            rounds = Rounds(commands, asked.seed)
            rounds.learn()
            played = itertools.chain.from_iterable(rounds.play(number) for number in itertools.count(asked.round))
            for result in itertools.islice(played, asked.kills):
                console.print(f"{'failed' if result.problems else 'ok'}: {result.name}: {result.kill}")
                for problem in result.problems:
                    console.print(f"  {problem}")
                failed += bool(result.problems)
        finally:
            processes.end(commands.home)
    console.print(f"{failed} of {asked.kills} failed. Again: make soak ARGS='--seed {asked.seed} --round N --kills 3'")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
