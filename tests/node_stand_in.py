"""A stand-in for the node: runs the directory Job's container without a cluster, on a folder that plays the disk.

It takes the Job as the program renders it, and does by hand what the kubelet does: volumes to their mount points.
There are no mount namespaces here, so a mount point becomes a folder, and the environment names that folder instead.
It runs as whoever runs the tests, so that what is about root's capabilities is not shown.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
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
    """A node: `disk` plays its root directory, `record` is the ConfigMap's volume."""

    disk: Path
    record: Path
    shell: tuple[str, ...]

    def path(self, on_node: str) -> Path:
        """Where a path of the node lies here."""
        return self.disk / on_node.lstrip("/")

    def run(self, job: Manifest, *, user: int | None = None) -> Ended:
        """Run the Job's only container to its end; `user` runs it as somebody else, which takes root."""
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        places = {volume["name"]: self._place(volume) for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: places[mount["name"]] for mount in container["volumeMounts"]}
        environment = {pair["name"]: _moved(pair["value"], mounts) for pair in container["env"]}
        shell, *arguments = container["command"]
        assert shell == "sh"
        ended = subprocess.run(
            [*self.shell, *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            user=user,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def _place(self, volume: Manifest) -> Path:
        if "configMap" in volume:
            return self.record
        if "hostPath" in volume:
            place = self.path(volume["hostPath"]["path"])
            assert place.is_dir(), "the kubelet does not start a pod whose hostPath of type Directory is missing"
            return place
        return self.path(volume["persistentVolumeClaim"]["claimName"])


def _moved(value: str, mounts: dict[str, Path]) -> str:
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
