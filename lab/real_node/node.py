"""A real kubelet as the control plane's node; containerd runs its pods."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from lab import processes
from lab.errors import LabError
from lab.real_node import configuration, contents, images, inside
from lab.real_node.configuration import Paths
from lab.real_node.contents import Published
from lab.real_node.machine import Machine

_PROJECT: Final = Path(__file__).parent.parent.parent
_HOLDER: Final = "namespaces"
_SOCKET: Final = "/run/containerd/containerd.sock"
_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Parts:
    """What a real node is made of, all of it in the cache.

    Attributes:
        kubelet: the program.
        programs: the folder with the distribution's packages, busybox and icloudpd.

    """

    kubelet: Path
    programs: Path


@dataclass(frozen=True)
class RealNode:
    """One node; its files are in the rehearsal's home.

    Attributes:
        parts: what it is made of.
        published: what pods call their images.
        settings: changes of the kubelet's configuration.
        size: of its file system; empty for this machine's own.
        authority: the certificate by which icloudpd trusts the rehearsal's Apple (`lab.real_node.apple`), if any.

    """

    parts: Parts
    published: Published
    settings: Mapping[str, Any] = field(default_factory=dict)
    size: str = ""
    authority: Path | None = None

    programs: tuple[str, ...] = (_HOLDER, "containerd", "kubelet")

    @property
    def processes(self) -> tuple[str, ...]:
        """All that is started; what containers run ends with the namespaces."""
        return self.programs

    def enter(self, home: Path, port: int) -> tuple[str, ...]:
        """Make the namespaces; the control plane is in that of the network, so that it reaches the kubelet."""
        place = home / "node"
        place.mkdir(parents=True, exist_ok=True)
        (place / inside.READY).unlink(missing_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(_PROJECT)}
        words = (sys.executable, "-m", "lab.real_node.inside", "enter", place, str(port), self.size)
        holder = processes.start(home, _HOLDER, words, environment)
        _await(home, _HOLDER, holder, (place / inside.READY).exists)
        return within(home, "--net")

    def start(self, home: Path, name: str, kubeconfig: Path, credentials: Path, port: int) -> dict[str, psutil.Popen]:
        """Start containerd, hand it the images, and start the kubelet."""
        paths = Paths(home / "node", self.parts.programs)
        machine = Machine.look()
        configuration.write(paths, machine, {**configuration.kubelet(cgroup(home), credentials, port), **self.settings})
        for controller in machine.controllers:
            (controller / cgroup(home).lstrip("/")).mkdir(exist_ok=True)
        there: tuple[str | Path, ...] = within(home, "--net", "--mount", "--pid")
        usr = self.parts.programs / "usr"
        path = os.pathsep.join([str(usr / "bin"), str(usr / "sbin"), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path}
        containerd = processes.start(
            home, "containerd", [*there, usr / "bin" / "containerd", "--config", paths.containerd], environment
        )
        client = [*there, usr / "bin" / "ctr", "--namespace", "k8s.io"]
        _await(home, "containerd", containerd, lambda: _succeeds([*client, "version"]))
        archive = home / "node" / "images.tar"
        images.write(
            archive,
            contents.images(
                self.published, self.parts.programs / "busybox", self.parts.programs / "icloudpd", self.authority
            ),
        )
        ran = subprocess.run(
            [*client, "images", "import", "--snapshotter", "native", archive],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        archive.unlink()
        if ran.returncode:
            raise LabError(f"containerd does not take the images: {ran.stderr.strip()}")
        return {"containerd": containerd, "kubelet": self.start_kubelet(home, name, kubeconfig)}

    def start_kubelet(self, home: Path, name: str, kubeconfig: Path) -> psutil.Popen:
        """Start the kubelet alone."""
        words: list[str | Path] = [
            self.parts.kubelet,
            f"--config={Paths(home / 'node', self.parts.programs).kubelet}",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={name}",
            f"--node-ip={configuration.ADDRESS}",
        ]
        return processes.start(home, "kubelet", [*within(home, "--net", "--mount", "--pid"), *words])

    def listens(self, home: Path, port: int) -> bool:
        """Whether it is reached in the network namespace; psutil knows only this machine's own."""
        dial = f"import socket; socket.create_connection(({configuration.ADDRESS!r}, {port}), 5)"
        return _succeeds([*within(home, "--net"), sys.executable, "-c", dial])

    def remove(self, home: Path) -> None:
        """Remove what is not in its home: its cgroups. Its processes have ended."""
        for controller in Machine.look().controllers:
            place = controller / cgroup(home).lstrip("/")
            for folder, _, _ in os.walk(place, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        shutil.rmtree(home / "node", ignore_errors=True)


def root(home: Path) -> Path:
    """The node's root directory, as it is from outside."""
    return Path(f"/proc/{first(home)}/root")


def cgroup(home: Path) -> str:
    """The cgroup below which all pods of one rehearsal are."""
    return f"/immich-icloud-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]}"


def containers(home: Path) -> list[psutil.Process]:
    """List the processes of containers; not those that hold pods' namespaces open, which have no environment."""
    return [process for process in psutil.process_iter() if _is_container(process, cgroup(home))]


def _is_container(process: psutil.Process, place: str) -> bool:
    with contextlib.suppress(OSError, psutil.Error):
        below = f"{place}/" in Path(f"/proc/{process.pid}/cgroup").read_text()
        return below and "KUBERNETES_SERVICE_HOST" in process.environ()
    return False


def within(home: Path, *namespaces: str) -> tuple[str, ...]:
    """Return the words that start a program in some of the node's namespaces."""
    return ("nsenter", f"--target={first(home)}", *namespaces, "--")


def first(home: Path) -> int:
    """The first process of the namespaces, as this machine numbers it."""
    held = [marked.process for marked in processes.find(home) if marked.name == _HOLDER]
    inner = [process for process in held if process.ppid() in {other.pid for other in held}]
    if not inner:
        raise LabError(
            f"The node's namespaces are not there. The end of their log:\n{processes.log_tail(home, _HOLDER)}"
        )
    return int(inner[0].pid)


def _succeeds(command: list[str | Path]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _await(home: Path, name: str, process: psutil.Popen, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"{name} does not come up. The end of its log:\n{processes.log_tail(home, name)}")
        time.sleep(_POLL_SECONDS)
