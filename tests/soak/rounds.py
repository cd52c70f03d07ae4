"""Rounds of up, update and down on one rehearsal, a kill in each, and the world compared after each."""

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from clients.credentials import CredentialsError
from tests.rehearsal.commands import Commands
from tests.soak.dump import Dump, dump
from tests.soak.kill import Kill

# The stages of a round, each with its command.
STAGES: Final = {"up": "up", "update": "up", "down": "down"}
# What an update changes: the route, an account's sync, Immich's settings.
_CHANGES: Final = (
    ('proxy-read-timeout: "600"', 'proxy-read-timeout: "900"'),
    ("  immich-icloud:photoSync:\n", "  immich-icloud:photoSync:\n    schedule: 0 3 1 * *\n"),
    ("scanSchedule: 0 4 1 * *", "scanSchedule: 0 5 1 * *"),
)


_PLACES_OF_THE_ID: Final = 5


def restate(stack_file: Path) -> None:
    """State what an update changes."""
    text = stack_file.read_text()
    for before, after in _CHANGES:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    stack_file.write_text(text)


@dataclass(frozen=True)
class Result:
    """One kill and what came of it: no problems, where all is as it should be.

    Attributes:
        name: what repeats it.
        stage: the stage of the round.
        kill: the kill as it was drawn.
        hit: whether it came before the command's end.
        problems: what is wrong after the next command.

    """

    name: str
    stage: str
    kill: Kill
    hit: bool
    problems: list[str]


class Rounds:
    """What a rehearsal is without kills is seen first; every round is compared with that."""

    def __init__(self, commands: Commands, seed: int) -> None:
        self._commands, self._seed = commands, seed
        self._lines: dict[str, int] = {}
        self._well: dict[str, Dump] = {}

    def learn(self) -> None:
        """Run each command once, undisturbed."""
        for stage, verb in STAGES.items():
            self._prepare(stage)
            status, output = self._commands.run(verb)
            assert status == 0, output
            self._lines[stage] = len(output.splitlines())
            if stage != "down":
                self._well[stage] = dump(self._commands.home)
                # On the disk, and in two ConfigMaps: what is drawn, and what is marked.
                assert len(self._well[stage].disk_ids) == _PLACES_OF_THE_ID

    def play(self, number: int) -> Iterator[Result]:
        """Play one round: a kill in each command, and after it the command that has to put things right."""
        of = random.Random(f"{self._seed}/{number}")  # noqa: S311 (repeatable is the point)
        for stage in STAGES:
            kill = Kill.drawn(of, self._lines[stage])
            # After a kill in `down` either is right: going on with it, or going back.
            then = of.choice(("down", "up")) if stage == "down" else "up"
            name = f"seed {self._seed}, round {number}, {stage}, then {then}"
            self._prepare(stage)
            hit, said = kill.strike(self._commands, STAGES[stage])
            problems = self._problems(stage, said, then)
            yield Result(name, stage, kill, hit, problems)
            if problems:  # which would be found again and again
                self._commands.run("down")

    def _problems(self, stage: str, said: str, then: str) -> list[str]:
        before = self._seen()
        status, output = self._commands.run(then)
        if status:
            return [f"`{then}` failed afterwards: {said}\n--- and then:\n{output}"]
        problems = []
        if then == "up":
            now = dump(self._commands.home)
            problems += now.disagreements()
            problems += self._well["update" if stage == "down" else stage].differences(now)
            replaced = before.replaced(now) if before else []
            if before and stage == "down":  # which removes the stack's namespaces
                replaced = [name for name in replaced if not before.is_in_own_namespace(name)]
            problems += [f"{name}: replaced" for name in replaced]
        if stage == "down":
            problems += self._left()
        return problems

    def _prepare(self, stage: str) -> None:
        """State what the stage's command deploys."""
        if stage == "up":
            self._commands.reset()
        if stage == "update":
            restate(self._commands.project / "Pulumi.lab.yaml")

    def _seen(self) -> Dump | None:
        """The world as the kill left it; None where no API server answers that could be asked."""
        with suppress(OSError, CredentialsError, ApiException, HTTPError):
            return dump(self._commands.home)
        return None

    def _left(self) -> list[str]:
        """What is left after `down`, which has to be nothing."""
        status, output = self._commands.run("down")
        problems = [] if status == 0 else [f"`down` failed: {output}"]
        problems += [f"{name}: still runs" for name in self._commands.left()]
        files = {path.name for path in self._commands.project.iterdir()} - self._commands.files
        files -= {self._commands.temporary.name}
        files |= {path.name for path in self._commands.temporary.iterdir()}
        return problems + [f"{name}: still there" for name in sorted(files)]
