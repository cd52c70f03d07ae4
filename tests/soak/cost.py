"""`python -m tests.soak.cost [--files 100000]`: what a sync costs beside the client, which only prints its log here."""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from clients.kubernetes import Manifest
from components import list_photos
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.node.container import Image
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import APPLE_ID, DISK_ID, PASSWORD, household, sync_job
from tests.icloudpd_stand_in import BEGINS, ENDS, Icloudpd, announces
from tests.node_stand_in import Ended, Node, shells
from tests.objects import STACK


def main() -> None:
    """Measure under each shell at hand."""
    parser = argparse.ArgumentParser(prog="cost", description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    files = parser.parse_args().files
    for name, shell in shells().items():
        with tempfile.TemporaryDirectory(prefix="immich-icloud-cost-") as place:
            _measure(name, shell, Path(place), files)


def _measure(name: str, shell: tuple[str, ...], place: Path, files: int) -> None:
    node = _node(place, shell)
    log = place / "log"
    log.write_text("".join(_line(number) for number in range(files)))
    Icloudpd.at(place / "image" / "icloudpd").behave(f"{BEGINS}{announces(files)}cat {log}\n{ENDS}")
    _told(f"{name}: an unchanged run over {files} files", node, sync_job(household(), FLOOR="0", FLOOR_NODE="0"))
    for number in range(files):
        photo = node.path("icloud-photos") / _name(number)
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.touch()
    listing = list_photos.job(household(), Ownership(STACK), [IMPORT_FOLDER])
    (container,) = listing["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"value": DISK_ID, **pair} for pair in container["env"]]
    ended = _told(f"{name}: the list of {files} files", node, listing)
    size = sum(map(len, ended.log))
    sys.stdout.write(f"  {len(list_photos.files(ended.log))} files in {size // 1024} KiB of log\n")


def _node(base: Path, shell: tuple[str, ...]) -> Node:
    for name in ("disk", "secret", "image"):
        (base / name).mkdir()
    (base / "secret" / "appleId").write_text(APPLE_ID)
    (base / "secret" / "password").write_text(PASSWORD)
    image = Image(shell, {"/app/icloudpd": base / "image" / "icloudpd"})
    node = Node(base / "disk", base / "record", image, base / "secret")
    (node.path("icloud-photos") / IMPORT_FOLDER).mkdir(parents=True)
    (node.path("icloud-photos") / MARK).write_text(f"id: {DISK_ID}\n")
    session = node.path("icloud-cookies-anna") / "x.session"
    session.parent.mkdir()
    session.write_text('{"trust_token": "x"}')
    return node


def _name(number: int) -> str:
    day = f"{2000 + number // 8000}/{number // 600 % 12 + 1:02}/{number // 20 % 30 + 1:02}"
    return f"{IMPORT_FOLDER}/{day}/IMG_{number:06}.HEIC"


def _line(number: int) -> str:
    return f"2026-11-24 10:49:03 DEBUG    {_name(number)} already exists\n"


def _told(what: str, node: Node, job: Manifest) -> Ended:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ended = node.start(job).end(limit=3600)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(f"{what}: {ended.result.code}, {spent:.1f} s of a processor, {took:.1f} s\n")
    return ended


if __name__ == "__main__":
    main()
