"""Python programs of others, each in a virtual environment of its own, kept in the cache that all clones share."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

from lab.recipes import cache


def place(name: str, *requirements: Path) -> Path:
    """Return where the interpreter is, once it is made, that can import what `requirements` pin."""
    pinned = b"".join(file.read_bytes() for file in requirements)
    key = hashlib.sha256(pinned + sys.version.encode()).hexdigest()
    return cache() / f"{name}-{key[:16]}" / "bin" / "python"


def interpreter(name: str, *requirements: Path) -> Path:
    """Return that interpreter; the first time it asks the package index."""
    python = place(name, *requirements)
    if not python.exists():
        _remove_unfinished(name)
        unfinished = cache() / f"{name}-unfinished-{os.getpid()}"
        cache().mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", unfinished], check=True)
        pip: list[str | Path] = [unfinished / "bin" / "python", "-m", "pip", "install", "--quiet"]
        files = [part for file in requirements for part in ("--requirement", file)]
        subprocess.run([*pip, "--disable-pip-version-check", "--require-hashes", *files], check=True)
        try:
            unfinished.rename(python.parents[1])
        except OSError:  # another one made it meanwhile
            shutil.rmtree(unfinished)
    return python


def _remove_unfinished(name: str) -> None:
    """Remove what killed processes left half made."""
    for unfinished in cache().glob(f"{name}-unfinished-*"):
        maker = int(unfinished.name.rpartition("-")[2])
        if maker == os.getpid() or not psutil.pid_exists(maker):
            shutil.rmtree(unfinished, ignore_errors=True)
