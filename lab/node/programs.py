"""Programs of the images, and stand-ins for some, put in place as files that a container can start."""

import os
from pathlib import Path

from lab import processes
from lab.node import icloudpd
from lab.node.container import PROCESS, Image

_ICLOUDPD = "/app/icloudpd"  # (source: the image's Dockerfile)
# Nobody but root gives files away; that they belong to somebody else is then not shown.
_CHOWN = (
    "#!/bin/sh\n# A stand-in for root's chown, in a rehearsal that is not root's: it leaves files with whom they are.\n"
)


def put(home: Path) -> Image:
    """Write the programs into the rehearsal's home, and return what containers of it run with."""
    home = home.resolve()
    by_path, by_name = home / "node" / "by-path", home / "node" / "by-name"
    by_path.mkdir(parents=True, exist_ok=True)
    by_name.mkdir(exist_ok=True)
    programs = {_ICLOUDPD: _program(by_path / "icloudpd", icloudpd.program(home))}
    if os.geteuid() != 0:
        _program(by_name / "chown", _CHOWN)
    return Image(programs=programs, path_first=by_name, marks=processes.mark(home, PROCESS))


def _program(place: Path, text: str) -> Path:
    place.write_text(text)
    place.chmod(0o755)
    return place
