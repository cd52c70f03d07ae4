"""Programs of the images, and stand-ins for some, put in place as files that a container can start."""

import shlex
import sys
from pathlib import Path

from lab import processes
from lab.node import icloudpd, rclone
from lab.node.container import PROCESS, Image

_ICLOUDPD, _RCLONE = "/app/icloudpd", "/usr/local/bin/rclone"  # (source: the images' Dockerfiles)
# All containers run as whoever runs the rehearsal: a file that was given to another user would have no owner here.
_CHOWN = "#!/bin/sh\n# A stand-in for root's chown: it leaves files with whom they are.\n"

# The real one, as it is published for Python.
_APPRISE = "import sys; from apprise.cli import main; sys.exit(main())"


def put(home: Path) -> Image:
    """Write the programs into the rehearsal's home, and return what containers of it run with."""
    home = home.resolve()
    by_path, by_name = home / "node" / "by-path", home / "node" / "by-name"
    by_path.mkdir(parents=True, exist_ok=True)
    by_name.mkdir(exist_ok=True)
    programs = {
        _ICLOUDPD: _program(by_path / "icloudpd", icloudpd.program(home)),
        _RCLONE: _program(by_path / "rclone", rclone.program(home)),
    }
    _program(by_name / "chown", _CHOWN)
    _program(by_name / "chgrp", _CHOWN.replace("chown", "chgrp"))
    python = f"exec {shlex.quote(sys.executable)}"
    _program(by_name / "python3", f'#!/bin/sh\n{python} "$@"\n')
    _program(by_name / "apprise", f'#!/bin/sh\n{python} -c {shlex.quote(_APPRISE)} "$@"\n')
    return Image(programs=programs, path_first=by_name, marks=processes.mark(home, PROCESS))


def _program(place: Path, text: str) -> Path:
    place.write_text(text)
    place.chmod(0o755)
    return place
