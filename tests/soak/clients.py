"""`python -m tests.soak.clients [--photos 1000]`: what a first and an unchanged run cost, with each client."""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.icloudpd.client import Client
from tests.icloudpd.house import House
from tests.rclone.house import RcloneHouse

_LIMIT = 3600  # seconds that a run may take


def main() -> None:
    """Have each client fetch small photos from the rehearsal's Apple, and print a line for each run."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=1000)
    photos = arguments.parse_args().photos
    for name, kind in {"icloudpd": House, "rclone": RcloneHouse}.items():
        with tempfile.TemporaryDirectory() as place:
            _measure(name, kind, Path(place), photos)


def _measure(name: str, kind: type[House], place: Path, photos: int) -> None:
    for part in ("apple", "node"):
        (place / part).mkdir()
    client = Client.of(place / "apple")
    try:
        _runs(name, kind, client, place / "node", photos)
    finally:
        client.end()


def _runs(name: str, kind: type[House], client: Client, place: Path, photos: int) -> None:
    if kind is House:
        client.sign_in()
    house = kind.of(client, place)
    client.account(photos=[], more=photos)
    for run in ("first", "unchanged"):
        requests, seconds, began = len(client.tell("GET", "requests")), _processor(), time.monotonic()
        ended = house.run(limit=_LIMIT)
        took, used = time.monotonic() - began, _processor() - seconds
        asked = len(client.tell("GET", "requests")) - requests
        said = f"{ended.result.code}, {ended.result.fetched} files in {took:.1f} s"
        sys.stdout.write(f"{name}, {run}: {said}, {used:.1f} s of a processor, {asked} requests\n")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
