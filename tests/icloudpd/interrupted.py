"""Photos come while runs are interrupted: killed in a file, a disk that is full or goes away, over a bad line.

Each seed is one run. Everything that differs from seed to seed is drawn from it; nothing depends on the time.
"""

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from clients.result import Code
from components.photo_disk import MARK
from lab.node.container import Image
from tests.icloudpd.house import House
from tests.node_stand_in import Started

_LIMIT = 600  # seconds that a run may take on a machine that has other work


def photos(count: int) -> list[dict[str, Any]]:
    """Make photos: some have the name of another one of the same day, and each its own size."""
    chance = random.Random(0)  # noqa: S311 (nothing secret)
    named = [n % (count * 2 // 3) for n in range(count)]
    return [
        {
            "name": f"IMG_{name:04}.JPG",
            "taken": f"2026-{name % 12 + 1:02}-{name % 28 + 1:02}T{n % 24:02}:{n % 60:02}",
            "size": (9000 if n % 5 == 0 else 1000) + 10 * n + chance.randrange(10),
            "live": n % 7 == 0,
        }
        for n, name in enumerate(named)
    ]


def interrupt(house: House, base: Path, wanted: list[dict[str, Any]], seeds: int) -> Iterator[str]:
    """Have a run a seed, each with more photos, for a household goes on taking them; say what happened to each."""
    for seed in range(seeds):
        chance = random.Random(seed)  # noqa: S311 (nothing secret)
        act = chance.choice(["kill", "unmount", "full disk", "bad line"])
        unsteady: dict[str, Any] = {
            "seed": seed,
            "cut": chance.choice([0, 0.1, 0.3]),
            "dropped": chance.choice([0, 0.1]),
        }
        unsteady["hangs"] = chance.randrange(1, 20) if act in {"kill", "unmount"} else None
        house.client.account(photos=wanted[: len(wanted) * (seed + 1) // seeds], unsteady=unsteady)
        match act:
            case "kill":
                _killed(house, house.start())
            case "unmount":
                _unmounted(house, house.start())
            case "full disk":
                with_a_full_disk(house, base).run(limit=_LIMIT)
            case _:
                house.run(limit=_LIMIT)
        yield f"seed {seed}: {act}, {unsteady}, {len(list(house.folder.rglob('*.*')))} files"


def problems(house: House, wanted: list[dict[str, Any]]) -> list[str]:
    """Have one run over a good line, and list what is not as it should be then."""
    house.client.account(photos=wanted, unsteady=None)
    ended = house.run(limit=_LIMIT)
    found = []
    if (ended.code, ended.result.code) != (0, Code.SYNCED):
        found.append(ended.result.message)
    if (ended.result.announced, ended.result.seen) != (len(wanted), len(wanted)):
        found.append(f"{ended.result.announced} announced, {ended.result.seen} seen")
    if (difference := house.difference(wanted)) != (0, []):
        found.append(f"lacks {difference[0]} files, and has besides {difference[1][:5]}")
    left = sorted(place.name for place in house.folder.iterdir() if place.name.startswith("."))
    if left != [f"{MARK}-complete", f"{MARK}-layout"]:
        found.append(f"left: {left}")
    return [*found, *(f"half done: {place}" for place in house.folder.rglob("*.part"))]


def with_a_full_disk(house: House, base: Path) -> House:
    """No file can become longer than 8 KiB, as on a disk that is full half-way through one. The client needs 4."""
    ((place, client),) = house.node.image.programs.items()
    program = base / "client-on-a-full-disk"
    program.write_text(f'#!/bin/sh\nulimit -f 16\nexec {client} "$@"\n')
    program.chmod(0o755)
    image = Image(programs={place: program}, path_first=house.node.image.path_first)
    return replace(house, node=replace(house.node, image=image))


def _killed(house: House, started: Started) -> None:
    """Kill all of it once a download hangs; where it ends before, it was not killed."""
    _await_hanging(house, started)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.communicate()


def _unmounted(house: House, started: Started) -> None:
    """Have an empty directory in the disk's place once a download hangs, and the disk again once the run has ended."""
    _await_hanging(house, started)
    disk = house.folder.parent
    away = disk.with_name("unmounted")
    disk.rename(away)
    disk.mkdir()
    started.end(limit=_LIMIT)
    shutil.rmtree(disk)
    away.rename(disk)


def _await_hanging(house: House, started: Started) -> None:
    while started.process.poll() is None and not house.client.tell("GET", "hanging"):
        time.sleep(0.02)
