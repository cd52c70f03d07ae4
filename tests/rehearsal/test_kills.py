"""Three of the kills of `make soak`: whatever was killed, the next command puts it right."""

from collections.abc import Iterator

import pytest

from lab import processes
from lab.toolchain import Tools
from tests.rehearsal.commands import Commands
from tests.soak.rounds import Rounds


@pytest.fixture(scope="module")
def rounds(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    del tools  # have been built
    commands = Commands(tmp_path_factory.mktemp("project"))
    made = Rounds(commands, seed=13)
    made.learn()
    yield made
    processes.end(commands.home)


def test_after_a_kill_nothing_is_twice_lost_or_left(rounds: Rounds) -> None:
    for result in rounds.play(1):
        assert result.problems == [], f"{result.name}: {result.kill}"
