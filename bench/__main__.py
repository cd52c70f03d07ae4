"""`python -m bench [--rounds 5] [--sizes 1,10,100]`: measure the rehearsal's commands, and write bench/RESULTS.md.

Only ratios of one run count: the machine is whatever it is. What is compared is measured in turns, round by round.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console

from bench.cost import Cost
from bench.project import Project
from lab import toolchain

_RESULTS = Path(__file__).with_name("RESULTS.md")
# By how much a command may exceed the empty program's preview, or what it is compared with.
_TARGETS = {
    ("unchanged preview", "empty program"): 3.5,
    ("unchanged up", "unchanged preview"): 1.2,
    ("verify", "empty program"): 2.5,
    ("unchanged preview", "flat program"): None,
    ("unchanged preview", "kubectl diff"): None,
    ("unchanged up", "kubectl apply"): None,
}


def main() -> None:
    """Measure all, and write it down."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=[1, 10, 100])
    asked = parser.parse_args()
    tools = toolchain.ensure(Console())
    with tempfile.TemporaryDirectory(prefix="immich-icloud-bench-") as place:
        project = Project(Path(place).resolve(), tools)
        try:
            lines = list(_measured(project, asked.rounds, asked.sizes))
        finally:
            project.end()
    _RESULTS.write_text("\n".join(lines) + "\n")
    sys.stdout.write(_RESULTS.read_text())


def _measured(project: Project, rounds: int, sizes: Sequence[int]) -> Iterator[str]:
    yield from _heading(rounds, sizes)
    fresh = list[Cost]()
    removed = list[Cost]()
    for number in _rounds("up and down", rounds):
        fresh.append(project.up())
        if number < rounds - 1:
            removed.append(project.down())
    costs: dict[str, list[Cost]] = {}
    for _ in _rounds("unchanged", rounds):
        costs.setdefault("empty program", []).append(project.empty())
        costs.setdefault("flat program", []).append(project.flat())
        costs.setdefault("unchanged preview", []).append(project.preview())
        costs.setdefault("unchanged up", []).append(project.up())
        costs.setdefault("verify", []).append(project.verify())
    if shutil.which("kubectl"):
        project.kubectl_apply()  # the first one makes kubectl a manager of the objects
        for _ in _rounds("kubectl", rounds):
            costs.setdefault("kubectl diff", []).append(project.kubectl_diff())
            costs.setdefault("kubectl apply", []).append(project.kubectl_apply())
    yield from _costs({**costs, "fresh up": fresh, **({"down": removed} if removed else {})})
    yield from _ratios(costs)
    yield from _parts([project.parts() for _ in _rounds("parts of a preview", rounds)])
    for what, grow in (("other routes", project.with_routes), ("accounts", project.with_accounts)):
        project.with_routes(0)
        costs_at = [_at(project, partial(grow, size), _rounds(f"{size} {what}", rounds)) for size in sizes]
        yield from _slopes(what, sizes, costs_at)


def _rounds(what: str, rounds: int) -> Iterator[int]:
    """Count the rounds, and say how far it is: the results come at the end."""
    for number in range(rounds):
        sys.stderr.write(f"{what}: round {number + 1} of {rounds}\n")
        yield number


def _at(project: Project, grow: Callable[[], None], rounds: Iterator[int]) -> Cost:
    """What an unchanged preview costs once it has grown: the median of each figure."""
    grow()
    project.up()
    costs = [project.preview() for _ in rounds]
    return Cost(*(median(getattr(one, figure) for one in costs) for figure in ("processor", "wall", "memory")))


def _heading(rounds: int, sizes: Sequence[int]) -> Iterator[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    yield "# What the rehearsal's commands cost"
    yield ""
    yield f"`make bench ARGS='--rounds {rounds} --sizes {','.join(map(str, sizes))}'` wrote this"
    yield f"on {datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}. Only ratios of one run count."
    yield ""
    yield f"Machine: {_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB;"
    yield f"{platform.system()} {platform.release()}, Python {platform.python_version()}. Load before: {_load()}."


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _costs(costs: dict[str, list[Cost]]) -> Iterator[str]:
    yield from (
        "",
        "| command | processor s (median; least to most) | wall s | memory MiB | runs |",
        "| --- " * 5 + "|",
    )
    for name, those in costs.items():
        seconds = [one.processor for one in those]
        spread = f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        wall, memory = median(one.wall for one in those), median(one.memory for one in those)
        yield f"| {name} | {spread} | {wall:.0f} | {memory:.0f} | {len(those)} |"


def _ratios(costs: dict[str, list[Cost]]) -> Iterator[str]:
    yield from ("", "| ratio of processor time | median | target |", "| --- | --- | --- |")
    for (name, other), target in _TARGETS.items():
        if other not in costs:  # (kubectl is measured where it is installed)
            continue
        ratio = median(one.processor / two.processor for one, two in zip(costs[name], costs[other], strict=True))
        yield f"| {name} / {other} | {ratio:.2f} | {f'at most {target}' if target else 'none'} |"


def _parts(runs: Sequence[dict[str, float]]) -> Iterator[str]:
    yield from ("", "| part of an unchanged preview | processor s (median) |", "| --- | --- |")
    for part in runs[0]:
        yield f"| {part} | {median(one[part] for one in runs):.2f} |"


def _slopes(what: str, sizes: Sequence[int], costs: Sequence[Cost]) -> Iterator[str]:
    yield from ("", f"| {what} | unchanged preview, processor s | memory MiB |", "| --- | --- | --- |")
    for size, one in zip(sizes, costs, strict=True):
        yield f"| {size} | {one.processor:.1f} | {one.memory:.0f} |"
    if len(sizes) > 1:
        seconds = statistics.linear_regression(sizes, [one.processor for one in costs])
        memory = statistics.linear_regression(sizes, [one.memory for one in costs])
        yield ""
        yield f"Fit: {seconds.intercept:.1f} s + {seconds.slope * 1000:.0f} ms for each of the {what};"
        yield f"{memory.intercept:.0f} MiB + {memory.slope * 1024:.0f} KiB."


if __name__ == "__main__":
    main()
