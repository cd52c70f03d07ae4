"""A stand-in for the node: runs a Job's container without a cluster, on folders that play disk and volumes.

It takes the Job as the program renders it, and does by hand what the kubelet does: volumes to their mount points.
There are no mount namespaces here, so a mount point becomes a folder, and command and environment name that folder
instead. It runs as whoever runs the tests, so that what is about root's capabilities is not shown.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How the container ended."""

    code: int
    out: str
    error: str


@dataclass(frozen=True)
class Node:
    """A node: `disk` plays its root directory, and has a folder for each claim.

    Attributes:
        record: the ConfigMap's volume.
        shell: what plays the image's `sh`.
        secret: the Secret's volume.
        programs: stand-ins for the image's programs, by their path.
        path_first: a folder with stand-ins for programs that are found by name.

    """

    disk: Path
    record: Path
    shell: tuple[str, ...]
    secret: Path = Path("/nonexistent")
    programs: Mapping[str, Path] = field(default_factory=dict)
    path_first: Path = Path("/nonexistent")

    def path(self, on_node: str) -> Path:
        """Where a path of the node lies here."""
        return self.disk / on_node.lstrip("/")

    def run(self, job: Manifest, *, user: int | None = None) -> Ended:
        """Run the Job's only container to its end; `user` runs it as somebody else, which takes root."""
        started = self.start(job, user=user)
        out, error = started.communicate(timeout=30)
        return Ended(started.returncode, out, error)

    def start(
        self, job: Manifest, *, user: int | None = None, command: list[str] | None = None, stdin: int | None = None
    ) -> subprocess.Popen[str]:
        """Start the Job's only container, or another command in it."""
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        places = {volume["name"]: self._place(volume) for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: places[mount["name"]] for mount in container["volumeMounts"]}
        mounts.update(self.programs)
        environment = {pair["name"]: _moved(pair["value"], mounts) for pair in container["env"]}
        words: list[str] = command or container["command"] + container.get("args", [])
        assert words[0] == "sh"
        return subprocess.Popen(
            [*self.shell, *(_moved(word, mounts) for word in words[1:])],
            env={"PATH": f"{self.path_first}{os.pathsep}{os.environ['PATH']}", **environment},
            cwd=_moved(container.get("workingDir", "/"), mounts),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
        )

    def _place(self, volume: Manifest) -> Path:
        if "configMap" in volume:
            return self.record
        if "secret" in volume:
            return self.secret
        if "emptyDir" in volume:
            made = Path(tempfile.mkdtemp(dir=self.disk.parent))
            made.chmod(0o777)
            return made
        if "hostPath" in volume:
            place = self.path(volume["hostPath"]["path"])
            assert place.is_dir(), "the kubelet does not start a pod whose hostPath of type Directory is missing"
            return place
        return self.path(volume["persistentVolumeClaim"]["claimName"])


def _moved(value: str, mounts: Mapping[str, Path]) -> str:
    for mount, place in mounts.items():
        if value == mount or value.startswith(f"{mount}/"):
            return f"{place}{value.removeprefix(mount)}"
    return value


def shells() -> dict[str, tuple[str, ...]]:
    """The shells of this machine that may stand for the image's: always `sh`, and those that it may be."""
    found: dict[str, tuple[str, ...]] = {"sh": ("/bin/sh",)}
    for name in ("dash", "busybox"):
        if place := shutil.which(name):
            found[name] = (place, "sh") if name == "busybox" else (place,)
    return found
