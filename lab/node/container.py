"""A stand-in for a container: its command runs on this machine, without an image, on folders in place of its mounts.

There are no mount namespaces here, so a mount point becomes a folder, and command, arguments and environment name that
folder instead. It runs as whoever runs the rehearsal: users, capabilities and read-only mounts are not shown.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

Manifest = dict[str, Any]

# What the processes of containers are called among those of the rehearsal.
PROCESS: Final = "container"

# What busybox's image runs; of other images no command of their own is known.
_COMMAND = ("sh",)
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass(frozen=True)
class Image:
    """What this machine has in place of the images.

    Attributes:
        shell: what plays `sh`.
        programs: stand-ins for programs, by their path in the image.
        path_first: a folder with stand-ins for programs that are found by name.
        marks: variables by which all that runs is found again.

    """

    shell: tuple[str, ...] = ("/bin/sh",)
    programs: Mapping[str, Path] = field(default_factory=dict)
    path_first: Path = Path("/nonexistent")
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """One container, ready to run."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    mounts: Mapping[str, Path]
    image: Image

    @classmethod
    def of(
        cls, spec: Manifest, environment: Mapping[str, str], mounts: Mapping[str, Path], image: Image | None = None
    ) -> Self:
        """Make one of a pod's containers; `mounts` has the folder of each mount point."""
        image = image or Image()
        stated: dict[str, str] = {}
        for name, value in environment.items():
            stated[name] = _expanded(value, stated)
        words = [*(spec.get("command") or _COMMAND), *spec.get("args", [])]
        return cls(
            command=tuple(_expanded(word, stated) for word in words),
            environment=stated,
            directory=spec.get("workingDir", "/"),
            mounts={**mounts, **image.programs},
            image=image,
        )

    def call(self, command: Sequence[str] | None = None) -> dict[str, Any]:
        """Return what starts its command here, or another one inside it, as arguments of `subprocess.Popen`."""
        words = command or self.command
        first, *rest = [
            self._moved(word, shlex.quote if before == "-c" else str)
            for before, word in zip(["", *words], words, strict=False)
        ]
        return {
            "args": [*(self.image.shell if first == "sh" else (first,)), *rest],
            "env": {
                "PATH": f"{self.image.path_first}{os.pathsep}{os.environ['PATH']}",
                **{name: self._moved(value) for name, value in self.environment.items()},
                **self.image.marks,
            },
            "cwd": self._moved(self.directory),
            # So that all that it starts can be ended with it.
            "start_new_session": True,
        }

    def start(self, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start it. Raises OSError when there is no such program."""
        return subprocess.Popen(**{**self.call(), **streams})

    def shown(self, output: bytes) -> bytes:
        """Name mount points again in what it says, as it would inside a container."""
        if not self.mounts:
            return output
        points = {os.fsencode(place): mount.encode() for mount, place in self.mounts.items()}
        longest_first = b"|".join(map(re.escape, sorted(points, key=len, reverse=True)))
        return re.sub(longest_first, lambda found: points[found[0]], output)

    def _moved(self, text: str, quoted: Callable[[str], str] = str) -> str:
        """Put folders in place of mount points, where a word of the text is a path that begins with one.

        In a script they are `quoted` where the path is not, as a folder's name may have a blank.
        """
        if not self.mounts:
            return text
        longest_first = "|".join(map(re.escape, sorted(self.mounts, key=len, reverse=True)))
        begins = rf"(?<![^\s=<>:;&|()])(['\"]?)({longest_first})(?=[/\s'\";:&|<>()]|$)"

        def folder(found: re.Match[str]) -> str:
            place = str(self.mounts[found[2]])
            return found[1] + (place if found[1] else quoted(place))

        return re.sub(begins, folder, text)


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """Do as the kubelet with `$(NAME)` and `$$` (source: k8s.io/kubernetes, third_party/forked/golang/expansion)."""
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else environment.get(found[1], found[0]), text)
