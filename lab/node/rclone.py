"""The real rclone as a program of an image, around the rehearsal's Apple (`lab.apple`); built when it is first run."""

import shlex
import sys
from pathlib import Path

from lab.apple import process as apple
from lab.recipes import RCLONE

_PROJECT = Path(__file__).parents[2]


def program(home: Path) -> str:
    """Write the script that becomes it, in the rehearsal of `home`; where Apple is, is read when it runs."""
    built = shlex.quote(str(RCLONE.cached / RCLONE.name))
    find = shlex.join(["env", f"PYTHONPATH={_PROJECT}", sys.executable, "-m", "lab.tool", RCLONE.name])
    variables = apple.environment(home, url=f"$(cat {shlex.quote(str(apple.url_file(home)))})")
    exports = "".join(f'export {name}="{variables[name]}"\n' for name in ("HTTPS_PROXY", "RCLONE_CA_CERT"))
    return f'#!/bin/sh\n{exports}[ ! -x {built} ] || exec {built} "$@"\nexec {find} "$@"\n'
