"""`python -m tests.soak.faults [--seed N] [FAULT ...]`: `up` and removal under each fault; bench/FAULTS.md."""

import argparse
import random
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from lab import processes, toolchain
from tests.rehearsal.conftest import Bench
from tests.soak import proxy
from tests.soak.dump import Dump, dump

RESULTS: Final = Path(__file__).parent.parent.parent / "bench" / "FAULTS.md"


@dataclass
class Outcome:
    """What came of one fault: how often it struck, and what is wrong after the next undisturbed command."""

    name: str
    struck: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    problems: list[str] = field(default_factory=list)


class Faults:
    """One rehearsal; every fault begins with nothing deployed, and ends so."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.seed = bench, seed
        self.found = self._dump()
        bench.up()
        self.calls = {name: self._calls(name) for name in ("cloudflare", "immich")}
        self.deployed = self._dump()
        bench.destroy()
        self.removed = self._dump()

    def play(self, name: str) -> Outcome:
        """Deploy and remove under a fault, each command once more without it, and compare the world."""
        outcome = Outcome(name)
        for verb, expected in (("up", self.deployed), ("destroy", self.removed)):
            before = self._dump()
            with FAULTS[name](self, outcome):
                run = self.bench.run(verb)
            outcome.failed += not run.succeeded
            outcome.problems += [f"{verb}: {text}" for text in run.errors if "Traceback" in text]
            again = self.bench.run(verb)
            if not again.succeeded:
                outcome.problems.append(f"the next {verb} failed: {again.errors}")
                self.bench.run("destroy")
                return outcome
            now = self._dump()
            outcome.problems += [f"after {verb}: {one}" for one in expected.differences(now)]
            outcome.problems += [
                f"after {verb}: {one}: replaced" for one in before.replaced(now) if one in self.found.kept
            ]
        return outcome

    def of(self, name: str) -> random.Random:
        """What a fault draws from."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 (repeatable is the point)

    def url(self, name: str) -> str:
        """Where a stand-in is told what goes wrong."""
        return (self.bench.home / name / "url").read_text().strip().replace("/client/v4", "").replace(
            "/api", ""
        ) + "/lab"

    def _dump(self) -> Dump:
        return dump(self.bench.home)

    def _calls(self, name: str) -> list[tuple[str, str]]:
        asked = httpx.get(f"{self.url(name)}/requests", trust_env=False).json()
        return list(dict.fromkeys(map(tuple, asked["result"] if isinstance(asked, dict) else asked)))


@contextmanager
def of_the_api_server(faults: Faults, outcome: Outcome) -> Iterator[None]:
    with proxy.before(faults.bench.plane.kubeconfig, faults.of(outcome.name)) as made:
        yield
    outcome.struck += made.struck
    del outcome.struck["passed"]


def of_each_call(api: str, kind: str) -> Callable[[Faults, Outcome], Any]:
    """Each call that an undisturbed `up` makes goes wrong once."""

    @contextmanager
    def disturbed(faults: Faults, outcome: Outcome) -> Iterator[None]:
        with httpx.Client(trust_env=False) as lab:
            for method, path in faults.calls[api]:
                lab.post(
                    f"{faults.url(api)}/faults", json={"kind": kind, "method": method, "path": path}
                ).raise_for_status()
            yield
            left = lab.get(f"{faults.url(api)}/faults").json()
        outcome.struck[kind] += len(faults.calls[api]) - len(left["result"] if isinstance(left, dict) else left)

    return disturbed


FAULTS: Final[dict[str, Callable[[Faults, Outcome], Any]]] = {
    "API server busy, slow, cut": of_the_api_server,
    "Cloudflare answers 503": of_each_call("cloudflare", "unavailable"),
    "Cloudflare answers 429": of_each_call("cloudflare", "rateLimited"),
    "Cloudflare's answer is lost": of_each_call("cloudflare", "timeOut"),
    "Immich answers 503": of_each_call("immich", "unavailable"),
    "Immich's answer is lost": of_each_call("immich", "timeOut"),
}


# What tests prove of each other fault, at each of its steps.
ELSEWHERE: Final = {
    "a command or the engine killed at a random moment": "`make soak`, 50 times; `tests/rehearsal/test_kills.py`",
    "a tunnel's document, a Lease or a library killed at each request": "`tests/unit/test_tunnel_rules.py`, "
    "`test_tunnel_file_rule.py`, `test_immich_library.py`, `test_disk_identity.py`",
    "a holder of a Lease that died, clocks that differ": "`tests/unit/test_tunnel_lease.py`",
    "two `up`s at once": "`tests/rehearsal/test_recovery.py`, `tests/unit/test_immich_library.py`",
    "a state that is cut, or empty": "`tests/rehearsal/test_recovery.py`, `tests/lab/test_engine.py`",
    "each request of the API server, Cloudflare and Immich answered wrongly": "`tests/unit/test_*_answers.py`",
    "a sync that is interrupted": "`make soak-photos`",
    "an owner's upgrade between two `up`s": "`tests/rehearsal/test_owner_writes.py`",
}


def main() -> None:
    """Play them, and write down what came of each."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("faults", nargs="*", default=[*FAULTS])
    asked = parser.parse_args()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tools = toolchain.ensure(console)
    outcomes = list[Outcome]()
    with tempfile.TemporaryDirectory(prefix="immich-icloud-faults-") as place:
        bench = Bench(Path(place).resolve(), tools, "found", photos=True)
        try:
            faults = Faults(bench, asked.seed)
            for name in asked.faults:
                outcomes.append(faults.play(name))
                console.print(outcomes[-1])
                RESULTS.write_text("\n".join(_table(outcomes, asked.seed)) + "\n")
        finally:
            processes.end(bench.home)
    sys.exit(any(outcome.problems for outcome in outcomes))


def _table(outcomes: list[Outcome], seed: int) -> Iterator[str]:
    yield "# What the rehearsal survives\n"
    yield f"`python -m tests.soak.faults --seed {seed}` wrote this on {datetime.now(UTC):%Y-%m-%d}: `up` and removal of"
    yield "the rehearsal's stack under each fault, each command once more without it, and then the whole world compared"
    yield "with one without faults: cluster, Cloudflare, Immich, disk.\n"
    yield "| fault | struck | commands that failed at first | what was wrong in the end |"
    yield "| --- | --- | --- | --- |"
    for one in outcomes:
        struck = ", ".join(f"{kind} {count}" for kind, count in sorted(one.struck.items()))
        yield f"| {one.name} | {struck} | {one.failed} of 2 | {'<br>'.join(one.problems) or 'nothing'} |"
    yield "\n| other faults | tests |"
    yield "| --- | --- |"
    yield from (f"| {fault} | {tests} |" for fault, tests in ELSEWHERE.items())


if __name__ == "__main__":
    main()
