"""The real icloudpd as a program of an image: its published sources, around the rehearsal's Apple (`lab.apple`).

`python -m lab.node.icloudpd` makes its environment, which takes seconds and the Python package index the first time.
"""

import shlex
import sys
from pathlib import Path
from typing import Final

from lab import environments
from lab.apple import process as apple
from lab.recipes import SOURCES

REQUIREMENTS: Final = SOURCES / "icloudpd" / "requirements.txt"

_PROJECT: Final = Path(__file__).parents[2]
_MAIN: Final = "import sys; from icloudpd.cli import cli; sys.exit(cli())"


def interpreter() -> Path:
    """Return the interpreter that can import it, with its environment made where that is missing."""
    return environments.interpreter("icloudpd", REQUIREMENTS)


def program(home: Path, python: Path | None = None) -> str:
    """Write the script that becomes it, in the rehearsal of `home`; where Apple is, is read when it runs."""
    interpreter = shlex.quote(str(python or environments.place("icloudpd", REQUIREMENTS)))
    make = shlex.join(["env", f"PYTHONPATH={_PROJECT}", sys.executable, "-m", "lab.node.icloudpd"])
    variables = apple.environment(home, url=f"$(cat {shlex.quote(str(apple.url_file(home)))})")
    exports = "".join(f'export {name}="{value}"\n' for name, value in variables.items())
    becomes = f'exec {interpreter} -c {shlex.quote(_MAIN)} "$@"\n'
    return f"#!/bin/sh\n[ -x {interpreter} ] || {make} </dev/null >&2 || exit 1\n{exports}{becomes}"


if __name__ == "__main__":
    interpreter()
