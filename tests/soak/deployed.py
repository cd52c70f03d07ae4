"""One rehearsal that is deployed and removed under faults, and compared with one without."""

import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from engine.run import Operation
from tests.rehearsal.conftest import Bench
from tests.soak.dump import Dump, dump
from tests.soak.writes import Writes

_ID_AT_THE_END: Final = re.compile(r"/[0-9a-f-]{32,36}$")


@dataclass
class Outcome:
    """What came of one fault.

    Attributes:
        name: the fault's.
        struck: how often it struck, by kind.
        failed: how many of the commands failed under it.
        afterwards: what had to be done before the command ran once more, and what else had to run.
        problems: what is wrong in the end.

    """

    name: str
    struck: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    afterwards: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """What is disturbed while a command runs, and what completes a removal where one more of it is not enough."""

    disturb: Callable[["Deployed", Outcome], AbstractContextManager[None]]
    completes: tuple[Operation, ...] = ("destroy",)


class Deployed:
    """One rehearsal; every fault begins with nothing deployed, and ends so."""

    def __init__(self, bench: Bench, seed: int) -> None:
        """Deploy and remove without a fault: what the worlds are to be, what is asked, how often state is written."""
        self.bench, self.seed = bench, seed
        self.found = self._dump()
        self.writes = dict[Operation, int]()
        with Writes(bench) as writes:
            bench.up()
        self.writes["up"] = len(writes.times)
        self.deployed = self._dump()
        with Writes(bench) as writes:
            bench.destroy()
        self.writes["destroy"] = len(writes.times)
        self.removed = self._dump()
        self.calls = {name: self._calls(name) for name in ("cloudflare", "immich")}
        self.operation: Operation = "up"

    def play(self, name: str, fault: Fault) -> Outcome:
        """Deploy and remove under a fault, each command once more without it, and compare the world."""
        outcome = Outcome(name)
        stages: tuple[tuple[Operation, Dump, tuple[Operation, ...]], ...] = (
            ("up", self.deployed, ("up",)),
            ("destroy", self.removed, fault.completes),
        )
        for self.operation, expected, completes in stages:
            before = self._dump()
            with fault.disturb(self, outcome):
                run = self.bench.run(self.operation)
            outcome.failed += not run.succeeded
            outcome.problems += [f"{self.operation}: {text}" for text in run.errors if "Traceback" in text]
            outcome.afterwards.update(map(_kind, self.bench.engine().recover()))
            outcome.afterwards.update(f"`{other}`" for other in completes if other != self.operation)
            for again in completes:
                run = self.bench.run(again)
                if not run.succeeded:
                    outcome.problems.append(f"the next {again} failed: {run.errors}")
                    self.bench.run("destroy")
                    return outcome
            now = self._dump()
            outcome.problems += [f"after {self.operation}: {one}" for one in expected.differences(now)]
            outcome.problems += [
                f"after {self.operation}: {one}: replaced" for one in before.replaced(now) if one in self.found.kept
            ]
        return outcome

    def of(self, name: str) -> random.Random:
        """What a fault draws from."""
        return random.Random(f"{self.seed}/{name}/{self.operation}")  # noqa: S311 (repeatable is the point)

    def half_way(self, name: str) -> int:
        """Draw one of the writes of the state, neither the first nor the last."""
        return self.of(name).randint(2, self.writes[self.operation] - 1)

    def url(self, name: str) -> str:
        """Where a stand-in is told what goes wrong."""
        return (self.bench.home / name / "url").read_text().strip().replace("/client/v4", "").replace(
            "/api", ""
        ) + "/lab"

    def tell(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Tell a stand-in something; returns what it says."""
        answer = httpx.request(method, f"{self.url(name)}/{path}", json=body, trust_env=False)
        answer.raise_for_status()
        told = answer.json()
        return told["result"] if isinstance(told, dict) else told

    def _dump(self) -> Dump:
        return dump(self.bench.home)

    def _calls(self, name: str) -> list[tuple[str, str]]:
        """What was asked so far, as patterns: what is made again has another id."""
        asked = self.tell(name, "GET", "requests")
        return list(dict.fromkeys((method, _ID_AT_THE_END.sub("/*", path)) for method, path in asked))


def _kind(repaired: str) -> str:
    """What was repaired, without where."""
    return Path(repaired.partition(": ")[0]).name
