"""The libraries that a tree locks, in a virtual environment of their own where its lock is not the change's."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from text.visible import VisibleError

LOCK: Final = "requirements.txt"


class LibrariesError(VisibleError):
    """A tree's libraries can't be installed. `str()` is one line for the user."""


def install(tree: Path, place: Path) -> Path:
    """Install what a tree's lock lists, each by its hash, and return the interpreter that has it.

    Args:
        tree: the tree with the lock.
        place: where the virtual environment goes.

    Raises:
        LibrariesError: when the lock or one of its libraries is not available.

    """
    python = place / "bin" / "python"
    _uv(tree, "venv", "--quiet", "--python", sys.executable, str(place))
    _uv(tree, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), LOCK)
    return python


def _uv(tree: Path, *arguments: str) -> None:
    """Run uv in a tree, whose own settings of uv it then takes, not the change's."""
    uv = Path(sys.executable).parent / "uv"
    done = subprocess.run(
        [uv, *arguments], cwd=tree, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("error: ")
        raise LibrariesError(f"the libraries of its {LOCK} can't be installed: {said}. Is the network there?")
