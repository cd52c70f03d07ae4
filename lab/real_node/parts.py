"""Find what a real node is made of, building what the cache lacks."""

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from lab import toolchain
from lab.build import only_builder
from lab.errors import LabError
from lab.real_node import debian
from lab.real_node.debian import Apt
from lab.real_node.node import Parts
from lab.recipes import KUBELET, cache

_REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"


def find(console: Console) -> Parts:
    """Find all parts. Raises LabError."""
    kubelet = toolchain.find([KUBELET], console)["kubelet"]
    place = _place()
    if not place.exists():
        with only_builder(console):
            if not place.exists():  # not built by another process meanwhile
                console.print("Fetching containerd and icloudpd, and building busybox: about 2 min, once.")
                draft = cache() / f"building-{place.name}"
                shutil.rmtree(draft, ignore_errors=True)
                _build(draft)
                draft.rename(place)
    return Parts(kubelet, place)


def built() -> bool:
    """Whether all parts are in the cache."""
    return KUBELET.built() is not None and _place().exists()


def _place() -> Path:
    """The folder of all parts but the kubelet; it exists only when it is complete."""
    made_of = (platform.freedesktop_os_release()["VERSION_CODENAME"], platform.machine(), _REQUIREMENTS.read_text())
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
    return cache() / f"node-{key[:16]}"


def _build(place: Path) -> None:
    work = place / "work"
    work.mkdir(parents=True)
    apt = Apt(work / "apt")
    apt.unpack(place)
    debian.build_busybox(apt.source("busybox", work / "source"), place / "busybox")
    shutil.copy2(_icloudpd(work / "icloudpd"), place / "icloudpd")
    shutil.rmtree(work)


def _icloudpd(place: Path) -> Path:
    """Fetch the released icloudpd: its wheels for a platform hold the image's program."""
    words = (
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--target", place, "--requirement", _REQUIREMENTS],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise LabError(f"icloudpd's wheel cannot be fetched: {''.join(ran.stderr.strip().splitlines()[-1:])}")
    return place / "icloudpd" / "icloudpd"
