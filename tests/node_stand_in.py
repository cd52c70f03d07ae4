"""The node's stand-in without a cluster: runs a Job's containers as the program renders them, on folders of a test.

How a container runs is `lab.node`'s. Here a claim is the disk's folder of that name.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clients.result import Result, parse
from lab import recipes
from lab.node.container import Container, Image, Manifest
from lab.node.volumes import Disk

# Not by Popen's own `user`: it forks, and a fork of a process that has gRPC loaded may end before its program starts.
_BECOME = """
import os, sys
user, group, *words = sys.argv[1:]
if group:
    os.setgroups([])
    os.setgid(int(group))
if user:
    os.setuid(int(user))
os.execvp(words[0], words)
"""


@dataclass(frozen=True)
class Ended:
    """How the container ended.

    Attributes:
        code: its exit code.
        out: what it said.
        error: what it said in the other stream.
        message: its termination message.

    """

    code: int
    out: str
    error: str
    message: str

    @property
    def result(self) -> Result:
        """What it reported: in its log's last line, and as its termination message."""
        found = parse(self.out)
        assert found, self.out + self.error
        assert parse(self.message) == found
        assert not self.error
        return found

    @property
    def log(self) -> list[str]:
        """What it said before that."""
        assert parse(self.out)
        return self.out.splitlines()[:-1]


@dataclass(frozen=True)
class Started:
    """A container that runs."""

    process: subprocess.Popen[str]
    message: Path

    def end(self, typed: str | None = None, limit: float = 30) -> Ended:
        """Wait for its end, for so many seconds."""
        out, error = self.process.communicate(typed, timeout=limit)
        return Ended(self.process.returncode, out, error, self.message.read_text())


@dataclass(frozen=True)
class Node:
    """A node: `disk` plays its root directory, and has a folder for each claim.

    Attributes:
        record: the directory ConfigMap: a file for each key.
        image: what plays the image.
        secret: the Secret's volume.
        as_users: whether containers run as the users that they name, which takes root.

    """

    disk: Path
    record: Path
    image: Image
    secret: Path = Path("/nonexistent")
    as_users: bool = False

    def path(self, on_node: str) -> Path:
        """Where a path of the node lies here."""
        return Disk(self.disk).path(on_node)

    def run(self, job: Manifest, *, user: int | None = None) -> Ended:
        """Run the Job's containers, each to its end, up to the first that fails; `user` runs all as another user."""
        places = self.places(job)
        for container in job["spec"]["template"]["spec"].get("initContainers", []):
            ended = self.start(job, user=user, container=container, places=places).end()
            if ended.code:
                return ended
        return self.start(job, user=user, places=places).end()

    def places(self, job: Manifest) -> dict[str, Path]:
        """The folders of a Job's volumes, which all its containers share."""
        return {volume["name"]: self.place(volume) for volume in job["spec"]["template"]["spec"]["volumes"]}

    def start(  # noqa: PLR0913 (all but the first are rare)
        self,
        job: Manifest,
        *,
        user: int | None = None,
        command: list[str] | None = None,
        stdin: int | None = None,
        container: Manifest | None = None,
        places: Mapping[str, Path] | None = None,
    ) -> Started:
        """Start the Job's main container or another one, or another command in it."""
        pod = job["spec"]["template"]["spec"]
        (main,) = pod["containers"]
        container = container or main
        places = places or self.places(job)
        mounts = {
            mount["mountPath"]: places[mount["name"]] / mount.get("subPath", "") for mount in container["volumeMounts"]
        }
        environment = {pair["name"]: self._value(pair) for pair in container.get("env", [])}
        context = container.get("securityContext", {}) if self.as_users and os.getuid() == 0 else {}
        with tempfile.NamedTemporaryFile(dir=self.disk.parent, delete=False) as made_here:
            message = Path(made_here.name)
        message.chmod(0o666)
        mounts["/dev/termination-log"] = message
        made = Container.of(container, environment, mounts, self.image)
        call = made.call(command)
        ids = (context.get("runAsUser") if user is None else user, context.get("runAsGroup"))
        if ids != (None, None):
            become = ["" if one is None else str(one) for one in ids]
            call["args"] = [sys.executable, "-ISc", _BECOME, *become, *call["args"]]
        process = subprocess.Popen(**call, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return Started(process, message)

    def _value(self, variable: Manifest) -> str:
        if "value" in variable:
            return str(variable["value"])
        ((kind, source),) = variable["valueFrom"].items()
        place: Path = {"configMapKeyRef": self.record, "secretKeyRef": self.secret}[kind] / source["key"]
        return place.read_text()

    def place(self, volume: Manifest) -> Path:
        """The folder of a volume. Raises NotMountedError."""
        match volume:
            case {"configMap": _}:
                return self.record
            case {"secret": _}:
                return self.secret
            case {"emptyDir": _}:
                made = Path(tempfile.mkdtemp(dir=self.disk.parent))
                made.chmod(0o777)
                return made
            case {"hostPath": source}:
                return Disk(self.disk).host_path(source)
        return self.path(volume["persistentVolumeClaim"]["claimName"])


def shells() -> dict[str, tuple[str, ...]]:
    """The shells of this machine that may stand for the image's: always `sh`, and those that are others than that."""
    found: dict[str, tuple[str, ...]] = {"sh": ("/bin/sh",)}
    dash = shutil.which("dash")
    if dash and Path(dash).resolve() != Path("/bin/sh").resolve():
        found["dash"] = (dash,)
    if busybox := _busybox():
        found["busybox"] = (str(busybox),)
    return found


@cache
def _busybox() -> Path | None:
    """A shell with all programs of the images' busybox, where the real node's is built, or this machine has one."""
    installed = shutil.which("busybox")
    program = next(recipes.cache().glob("node-*/busybox"), Path(installed) if installed else None)
    if program is None:
        return None
    place = Path(tempfile.mkdtemp(prefix="busybox-"))
    place.chmod(0o755)
    copy = Path(shutil.copy2(program, place))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    (place / "bin").mkdir()
    for applet in subprocess.run([copy, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (place / "bin" / applet).symlink_to(copy)
    shell = place / "sh"
    # A test's own stand-ins are first in PATH.
    shell.write_text(f'#!/bin/sh\nPATH="${{PATH%%:*}}:{place}/bin:${{PATH#*:}}" exec {copy} sh "$@"\n')
    shell.chmod(0o755)
    return shell


@dataclass(frozen=True)
class Filesystems:
    """Stand-ins for `df` and `stat`, in a folder that comes first in PATH: what they say of a photo disk.

    Of any other place they say that it is the kubelet's filesystem. Numbers are the disk's.
    """

    programs: Path

    def say(
        self, photos: str, free: int, *, total: int = 10**9, inodes: tuple[int, int] = (9, 10), on_node: bool = False
    ) -> None:
        """Say it of the folder `photos`: KiB that are free, and all; inodes that are free, and all."""
        self.space(str(free), total)
        self.put(
            "stat",
            f"case $* in *'%d %c'*) echo {inodes[0]} {inodes[1]} ;;\n"
            f"*'{photos}') echo {1 if on_node else 2} ;; *) echo 1 ;; esac\n",
        )

    def space(self, free: str, total: int = 10**9) -> None:
        """Say what is free, as the shell computes it."""
        self.put(
            "df",
            "echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n"
            f'echo "nas:/our photos {total} 1 {free} 1% /our photos"\n',
        )

    def put(self, name: str, commands: str) -> None:
        """Put a program there."""
        place = self.programs / name
        place.write_text(f"#!/bin/sh\n{commands}")
        place.chmod(0o755)
