"""`python -m tests.soak.photos [--photos 2000] [--seeds 50]`: interrupt syncs of the real icloudpd, then count."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.icloudpd.client import Client
from tests.icloudpd.house import House
from tests.icloudpd.interrupted import interrupt, photos, problems


def main() -> None:
    """Say of each seed what happened, and then what is wrong."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=50)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="immich-icloud-soak-") as place:
        client = Client.of(Path(place).resolve())
        try:
            client.sign_in()
            base = Path(place).resolve() / "house"
            base.mkdir()
            house, wanted = House.of(client, base), photos(asked.photos)
            for said in interrupt(house, base, wanted, asked.seeds):
                sys.stdout.write(f"{said}\n")
                sys.stdout.flush()
            found = problems(house, wanted)
            files = len(house.files())
        finally:
            client.end()
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    took = f"{time.monotonic() - began:.0f} s"
    counts = f"{asked.photos} photos, {asked.seeds} seeds, {files} files in the end, {len(found)} problems"
    sys.stdout.write(f"{counts}, {took}\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
