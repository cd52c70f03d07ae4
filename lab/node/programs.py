"""Stand-ins for programs of the images, put in place as files that a container can start."""

import os
import shlex
import sys
from pathlib import Path

from lab import processes
from lab.node.container import PROCESS, Image

_ICLOUDPD = "/app/icloudpd"  # (source: the image's Dockerfile)
# Nobody but root gives files away; that they belong to somebody else is then not shown.
_CHOWN = (
    "#!/bin/sh\n# A stand-in for root's chown, in a rehearsal that is not root's: it leaves files with whom they are.\n"
)


def put(home: Path) -> Image:
    """Write the programs into the rehearsal's home, and return what containers of it run with."""
    by_path, by_name = home / "node" / "by-path", home / "node" / "by-name"
    by_path.mkdir(parents=True, exist_ok=True)
    by_name.mkdir(exist_ok=True)
    # Without what this project has installed: only the standard library is theirs.
    python = shlex.join([sys.executable, "-S", "-E", str(Path(__file__).with_name("icloudpd.py"))])
    icloudpd = _program(by_path / "icloudpd", f'#!/bin/sh\nexec {python} "$@"\n')
    if os.geteuid() != 0:
        _program(by_name / "chown", _CHOWN)
    return Image(programs={_ICLOUDPD: icloudpd}, path_first=by_name, marks=processes.mark(home, PROCESS))


def _program(place: Path, text: str) -> Path:
    place.write_text(text)
    place.chmod(0o755)
    return place
