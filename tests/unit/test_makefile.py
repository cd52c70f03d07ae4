"""What the Makefile sets for all that it runs."""

import os
import subprocess

from lab.engine import SOURCE


def test_python_keeps_what_it_compiles() -> None:
    """Without that, importing the providers' packages takes two and a half times as long, in each process of a run."""
    told = subprocess.run(
        ["make", "--silent", "--file=-", "shown"],
        input="include Makefile\nshown:\n\t@env\n",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=SOURCE,
        capture_output=True,
        check=True,
        text=True,
    )
    assert "PYTHONDONTWRITEBYTECODE" not in told.stdout
