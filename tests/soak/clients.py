"""`python -m tests.soak.clients [--photos 1000,20000]`: what a sync costs with each client; writes bench/CLIENTS.md.

Each run is a sync's pod as it is deployed, so that a first one includes the second look. Photos are small: what is
measured is what comes with each of them, not a line.
"""

import argparse
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from lab import toolchain
from lab.node import icloudpd
from lab.recipes import RCLONE
from tests.icloudpd.client import Client
from tests.icloudpd.house import House
from tests.rclone.house import RcloneHouse

_RESULTS = Path(__file__).parents[2] / "bench" / "CLIENTS.md"
_CLIENTS: dict[str, type[House]] = {"icloudpd": House, "rclone": RcloneHouse}
_LIMIT = 4 * 3600  # seconds that a run may take
_KIBIBYTES = 1 if sys.platform != "darwin" else 1024  # in a unit of ru_maxrss
_MIB = 1 << 20
_MEASURING = """
import os, sys
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "a") as file:
    file.write(f"{used.ru_maxrss}\\n")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def main() -> None:
    """Have each client fetch photos from the rehearsal's Apple, twice, and write down what that cost."""
    parser = argparse.ArgumentParser(prog="clients", description=__doc__)
    parser.add_argument("--photos", type=lambda text: [int(one) for one in text.split(",")], default=[1000, 20_000])
    asked = parser.parse_args().photos
    icloudpd.interpreter()
    toolchain.find([RCLONE], Console(stderr=True))
    lines = [*_heading(asked), *(line for photos in asked for line in _measured(photos))]
    _RESULTS.write_text("\n".join(lines) + "\n")
    sys.stdout.write(_RESULTS.read_text())


def _heading(asked: list[int]) -> Iterator[str]:
    yield "# What a sync costs with each client"
    yield ""
    command = f"make bench-clients ARGS='--photos {','.join(map(str, asked))}'"
    yield f"`{command}` wrote this on {datetime.now(UTC):%Y-%m-%d}:"
    yield "each run is a sync's pod, without its kubelet, around the rehearsal's Apple on the same machine. Only"
    yield "ratios of one run count. Memory is that of the client's largest process."
    yield ""
    yield "| photos | client | run | result | fetched | MiB on disk | requests | seconds | processor s | memory MiB |"
    yield "| --- " * 10 + "|"


def _measured(photos: int) -> Iterator[str]:
    for name, kind in _CLIENTS.items():
        with tempfile.TemporaryDirectory(prefix="immich-icloud-clients-") as place:
            home, base = Path(place).resolve() / "apple", Path(place).resolve() / "node"
            home.mkdir()
            base.mkdir()
            client = Client.of(home)
            try:
                yield from (f"| {photos} | {name} | {line}" for line in _runs(kind, client, base, photos))
            finally:
                client.end()


def _runs(kind: type[House], client: Client, base: Path, photos: int) -> Iterator[str]:
    if kind is House:
        client.sign_in()
    house = kind.of(client, base)
    client.account(photos=[], more=photos)
    memory = base / "memory"
    for program in house.node.image.programs.values():
        _have_measured(program, memory)
    for run in ("first", "unchanged"):
        memory.write_text("")
        before, used, began = len(client.tell("GET", "requests")), _processor(), time.monotonic()
        result = house.run(limit=_LIMIT).result
        took, used = time.monotonic() - began, _processor() - used
        requests = len(client.tell("GET", "requests")) - before
        size = sum(map(len, house.files().values())) / _MIB
        largest = max(map(int, memory.read_text().split())) / _KIBIBYTES / 1024
        yield (
            f"{run} | {result.code} | {result.fetched} | {size:.1f} | {requests} | {took:.1f} | {used:.1f} | "
            f"{largest:.0f} |"
        )


def _have_measured(program: Path, memory: Path) -> None:
    """Have each run of a program note its memory, which the kernel takes for its parent's until it has begun."""
    real = program.with_name(f"{program.name}-measured")
    program.rename(real)
    words = shlex.join([sys.executable, "-IS", "-c", _MEASURING, str(memory), str(real)])
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
