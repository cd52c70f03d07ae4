"""What this machine has for a real node, and what it lacks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_CGROUPS: Final = Path("/sys/fs/cgroup")
_V2: Final = _CGROUPS / "cgroup.controllers"
_NEEDED: Final = ("cpu", "memory", "pids")
_SYS_RESOURCE: Final = 24  # (source: linux/capability.h)
_PROGRAMS: Final = {
    "apt-get": "apt", "dpkg-deb": "dpkg", "cc": "gcc", "make": "make", "unshare": "util-linux",
    "nsenter": "util-linux", "mount": "mount", "ip": "iproute2",
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A machine that a real node can run on.

    Attributes:
        controllers: the roots of its cgroups: one of version 2, or one for each controller of version 1.
        may_lower_oom_score: whether processes may be protected from the kernel's OOM killer.

    """

    controllers: tuple[Path, ...]
    may_lower_oom_score: bool

    @classmethod
    def look(cls) -> Self:
        """Look at this machine; `missing` says whether it will do."""
        if _V2.exists():
            controllers: tuple[Path, ...] = (_CGROUPS,)
        else:
            controllers = tuple(place for place in sorted(_CGROUPS.glob("*")) if (place / "cgroup.procs").exists())
        return cls(controllers, _has_capability(_SYS_RESOURCE))


def missing() -> list[str]:
    """List what a real node would need and this machine lacks, each with what to do."""
    return list(_missing())


def _missing() -> Iterator[str]:
    if sys.platform != "linux":
        yield "Linux"
        return
    if os.geteuid() != 0:
        yield "root: namespaces, mounts and cgroups are made"
        return
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            yield f"the program {program} (Debian's package {package})"
    if shutil.which("unshare") and not _runs("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "true"):
        yield "mount, network and PID namespaces (in a container: --privileged)"
    if shutil.which("ip") and not _runs("unshare", "--net", "ip", "link", "add", "one", "type", "veth", "peer", "two"):
        yield "virtual Ethernet (the kernel's module veth)"
    yield from _missing_cgroups()


def _missing_cgroups() -> Iterator[str]:
    known = set(_V2.read_text().split()) if _V2.exists() else {place.name for place in _CGROUPS.glob("*")}
    for controller in _NEEDED:
        # Version 1 mounts some of them together, as cpu,cpuacct, and links each name to that.
        if controller not in known:
            yield f"the cgroup controller {controller}"
    probe = (_CGROUPS if _V2.exists() else _CGROUPS / "memory") / f"immich-icloud-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        yield f"cgroups that can be written ({error.strerror})"


def _runs(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _has_capability(number: int) -> bool:
    status = Path("/proc/self/status").read_text()
    (effective,) = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return bool(int(effective, 16) >> number & 1)
