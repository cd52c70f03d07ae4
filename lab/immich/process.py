"""The API as a process of a rehearsal; its URL ends in `/api`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab.stand_in.process import Process

# Where the Deployment mounts the photos, and where the rehearsal keeps the node's disk.
MOUNT_PATH: Final = "/external/icloud"
DIRECTORY: Final = Path("disk/var/mnt/icloud-photos")


def _mounts(home: Path) -> Sequence[str]:
    return (f"{MOUNT_PATH}={home.resolve() / DIRECTORY}",)


_PROCESS: Final = Process("immich", _mounts)

start, running, url = _PROCESS.start, _PROCESS.running, _PROCESS.url
