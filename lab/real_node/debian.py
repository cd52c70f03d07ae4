"""The distribution's packages, unpacked into the cache: nothing is installed, no list of the machine's changes."""

import os
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab.errors import LabError

PACKAGES: Final = ("containerd", "runc", "containernetworking-plugins")
_LISTS: Final = Path("/etc/apt")
_CONFIGURATION: Final = """\
Dir::State "{place}/state";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "{place}/cache";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{place}/sources";
APT::Sandbox::User "";
"""


class Apt:
    """The distribution's own archive, binary and source packages, asked through lists of our own in `place`."""

    def __init__(self, place: Path) -> None:
        """Fetch the lists. Raises LabError."""
        self._place = place
        for folder in ("state/lists/partial", "cache/archives/partial", "sources", "packages"):
            (place / folder).mkdir(parents=True)
        for name, text in _sources(platform.freedesktop_os_release()["VERSION_CODENAME"]):
            (place / "sources" / name).write_text(text)
        (place / "apt.conf").write_text(_CONFIGURATION.format(place=place))
        self._run("apt-get", "update", "--quiet")

    def unpack(self, target: Path) -> None:
        """Unpack the packages, without installing them."""
        self._run("apt-get", "download", "--quiet", *PACKAGES)
        for package in (self._place / "packages").glob("*.deb"):
            self._run("dpkg-deb", "--extract", package, target)

    def source(self, package: str, target: Path) -> Path:
        """Unpack a package's source as its authors published it; return its folder."""
        self._run("apt-get", "source", "--quiet", "--download-only", package)
        (archive,) = (self._place / "packages").glob(f"{package}_*.orig.tar.*")
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
        (folder,) = target.iterdir()
        return folder

    def _run(self, *command: str | Path) -> None:
        ran = subprocess.run(
            command,
            cwd=self._place / "packages",
            env={**os.environ, "APT_CONFIG": str(self._place / "apt.conf")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            last = (ran.stderr or ran.stdout).strip().splitlines()[-1:]
            raise LabError(f"{command[0]} {command[1]} failed: {''.join(last)}. Is the network there?")


def _sources(codename: str) -> Iterator[tuple[str, str]]:
    """Rewrite the machine's own lists: of the distribution alone, with source packages."""
    for file in sorted([_LISTS / "sources.list", *(_LISTS / "sources.list.d").glob("*")]):
        if file.suffix == ".sources":
            stanzas = [_with_sources(stanza) for stanza in re.split(r"\n\s*\n", file.read_text())]
            yield file.name, "\n\n".join(one for one in stanzas if _is_of(codename, one))
        elif file.suffix == ".list" and file.is_file():
            lines = [line for line in file.read_text().splitlines() if line.startswith("deb ") and codename in line]
            both = [one for line in lines for one in (line, line.replace("deb ", "deb-src ", 1)) if " main" in line]
            yield file.name, "".join(f"{line}\n" for line in both)


def _with_sources(stanza: str) -> str:
    return re.sub(r"^Types:.*$", "Types: deb deb-src", stanza, flags=re.MULTILINE)


def _is_of(codename: str, stanza: str) -> bool:
    fields = dict(re.findall(r"^(\w[\w-]*):\s*(.*)$", stanza, re.MULTILINE))
    suites = fields.get("Suites", "").split()
    ours = any(suite.split("-")[0] == codename for suite in suites)
    return ours and "main" in fields.get("Components", "").split() and fields.get("Enabled", "yes") == "yes"


def build_busybox(source: Path, target: Path) -> None:
    """Build every applet into one static program. Raises LabError.

    The distribution's own lacks flock and cksum, which our scripts call.
    """
    _make(source, "defconfig")
    settings = source / ".config"
    text = settings.read_text().replace("# CONFIG_STATIC is not set", "CONFIG_STATIC=y")
    # Traffic control: kernel headers since 6.8 lack what it is written for.
    settings.write_text(text.replace("CONFIG_TC=y", "# CONFIG_TC is not set"))
    _make(source, f"-j{os.cpu_count() or 2}", "busybox")
    shutil.copy2(source / "busybox", target)


def _make(source: Path, *targets: str) -> None:
    ran = subprocess.run(
        ["make", "-s", *targets], cwd=source, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise LabError(f"busybox cannot be built: {''.join(ran.stderr.strip().splitlines()[-1:])}")
