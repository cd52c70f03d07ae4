"""Three hundred photos, and twenty runs that are interrupted at random: killed, with a full disk, over a bad line."""

import contextlib
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

from clients.result import Code
from components.photo_disk import MARK
from lab.node.container import Image
from tests.icloudpd.house import House
from tests.node_stand_in import Started

COUNT, SEEDS = 300, 20


def photos() -> list[dict[str, object]]:
    """Some have the name of another one of the same day, and each its own size."""
    chance = random.Random(0)  # noqa: S311 (nothing secret)
    return [
        {
            "name": f"IMG_{n % 200:04}.JPG",
            "taken": f"2026-{n % 200 // 28 + 1:02}-{n % 28 + 1:02}T{n // 28:02}:00",
            "size": 1000 + 10 * n + chance.randrange(10),
            "live": n % 7 == 0,
        }
        for n in range(COUNT)
    ]


def with_a_full_disk(house: House, base: Path) -> House:
    """No file can become longer than a kilobyte or two, as on a disk that is full half-way through one."""
    program = base / "icloudpd-on-a-full-disk"
    program.write_text(f'#!/bin/sh\nulimit -f 4\nexec {house.client.program} "$@"\n')
    program.chmod(0o755)
    image = Image(programs={"/app/icloudpd": program}, path_first=house.node.image.path_first)
    return replace(house, node=replace(house.node, image=image))


def fetched(house: House) -> int:
    return len(list(house.folder.rglob("*.JPG")))


def killed(house: House, started: Started, files: int) -> None:
    """Kill all of it once so many files are there."""
    while started.process.poll() is None and fetched(house) < files:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):  # it has ended before
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.communicate()


def test_what_is_interrupted_at_random_is_whole_in_the_end(house: House, tmp_path: Path) -> None:
    wanted = photos()
    for seed in range(SEEDS):
        chance = random.Random(seed)  # noqa: S311 (nothing secret)
        house.client.account(
            # There are more each time: a household goes on taking photos.
            photos=wanted[: COUNT * (seed + 1) // SEEDS],
            unsteady={"seed": seed, "cut": chance.choice([0, 0.1, 0.3]), "dropped": chance.choice([0, 0.1])},
        )
        match chance.choice(["kill", "full disk", "bad line"]):
            case "kill":
                killed(house, house.start(), fetched(house) + chance.randrange(20))
            case "full disk":
                with_a_full_disk(house, tmp_path).run()
            case _:
                house.run()
    house.client.account(photos=wanted, unsteady=None)
    ended = house.run()
    assert (ended.code, ended.result.code) == (0, Code.SYNCED), ended.out
    assert (ended.result.announced, ended.result.seen) == (COUNT, COUNT)
    assert house.difference(wanted) == (0, [])
    assert sorted(place.name for place in house.folder.iterdir() if place.name.startswith(".")) == [
        f"{MARK}-complete",
        f"{MARK}-layout",
    ]
    assert not list(house.folder.rglob("*.part"))
