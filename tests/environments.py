"""Other people's Python packages, each in a virtual environment of its own, kept in the cache that all clones share."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.recipes import cache


def interpreter(name: str, *requirements: Path) -> Path:
    """The interpreter that can import what `requirements` pin; the first time it asks the package index."""
    pinned = b"".join(file.read_bytes() for file in requirements)
    key = hashlib.sha256(pinned + sys.version.encode()).hexdigest()
    place = cache() / f"{name}-{key[:16]}"
    if not place.exists():
        unfinished = cache() / f"{name}-unfinished-{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        cache().mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", unfinished], check=True)
        pip: list[str | Path] = [unfinished / "bin" / "python", "-m", "pip", "install", "--quiet"]
        files = [part for file in requirements for part in ("--requirement", file)]
        subprocess.run([*pip, "--disable-pip-version-check", "--require-hashes", *files], check=True)
        unfinished.rename(place)
    return place / "bin" / "python"
