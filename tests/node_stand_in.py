"""The node's stand-in without a cluster: runs a Job's only container as the program renders it, on folders of a test.

How a container runs is `lab.node`'s. Here a claim is the disk's folder of that name.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.node.container import Container, Image, Manifest
from lab.node.volumes import Disk


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
        image: what plays the image.
        secret: the Secret's volume.

    """

    disk: Path
    record: Path
    image: Image
    secret: Path = Path("/nonexistent")

    def path(self, on_node: str) -> Path:
        """Where a path of the node lies here."""
        return Disk(self.disk).path(on_node)

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
        places = {volume["name"]: self.place(volume) for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: places[mount["name"]] for mount in container["volumeMounts"]}
        environment = {pair["name"]: pair["value"] for pair in container.get("env", [])}
        made = Container.of(container, environment, mounts, self.image)
        return subprocess.Popen(
            **made.call(command),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
        )

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
    """The shells of this machine that may stand for the image's: always `sh`, and those that it may be."""
    found: dict[str, tuple[str, ...]] = {"sh": ("/bin/sh",)}
    for name in ("dash", "busybox"):
        if place := shutil.which(name):
            found[name] = (place, "sh") if name == "busybox" else (place,)
    return found
