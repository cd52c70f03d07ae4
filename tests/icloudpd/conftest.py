"""The real icloudpd, in a virtual environment of its own, kept in the cache that all clones share."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab.recipes import cache

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.fixture(scope="session")
def icloudpd_python() -> Path:
    """The interpreter that can import icloudpd. The first time it takes half a minute and the Python package index."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    place = cache() / f"icloudpd-{key[:16]}"
    if not place.exists():
        unfinished = cache() / f"icloudpd-unfinished-{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        cache().mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", unfinished], check=True)
        pip: list[str | Path] = [
            unfinished / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "--require-hashes", "--requirement", REQUIREMENTS], check=True)
        unfinished.rename(place)
    return place / "bin" / "python"
