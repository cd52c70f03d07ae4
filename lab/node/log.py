"""What a container says, kept as a runtime keeps it: for each line when, on which stream, and whether it is whole.

(source: the CRI's logging format, kubernetes/cri-api) The same files serve the API server's requests for logs.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

# (source: kubelet's containers.MaxContainerTerminationMessageLogLength and -Lines)
_LONGEST_MESSAGE = 2048
_MOST_LINES = 80


def folder(root: Path, namespace: str, pod: str, uid: str) -> Path:
    """Where a node keeps the logs of a pod; `root` is the node's root directory."""
    return root / "var" / "log" / "pods" / f"{namespace}_{pod}_{uid}"


def path(folder: Path, container: str) -> Path:
    """Where the log of a container lies among those of its pod."""
    return folder / container / "0.log"


def find(root: Path, namespace: str, pod: str, container: str) -> Path | None:
    """Find the log of the latest pod of that name; None before its container has started."""
    every = folder(root, namespace, pod, "*")
    found = sorted(every.parent.glob(f"{every.name}/{container}/0.log"), key=lambda log: log.stat().st_mtime)
    return found[-1] if found else None


def now() -> str:
    """This moment as Kubernetes writes it, to the microsecond."""
    return _stamp(datetime.now(UTC))


def _stamp(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class Log:
    """The log of one container while it runs."""

    def __init__(self, place: Path, shown: Callable[[bytes], bytes]) -> None:
        """`shown` is what to do with each line first."""
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        self._place, self._shown = place, shown

    def keep(self, stream: str, output: IO[bytes]) -> None:
        """Write down all that a container says on one of its streams, to its end.

        Each has a reader of its own, as in a runtime: which of two lines on different streams came first is lost.
        """
        with output, self._place.open("ab", buffering=0) as file:
            for line in output:
                tag = "F" if line.endswith(b"\n") else "P"
                file.write(f"{now()} {stream} {tag} ".encode() + self._shown(line.removesuffix(b"\n")) + b"\n")

    def last_words(self) -> str:
        """Return its end, as long as a termination message may be."""
        text = Wanted({"tailLines": str(_MOST_LINES)}).of(self._place.read_bytes())
        return text[-_LONGEST_MESSAGE:].decode(errors="replace")


class Line:
    """One line of a log file."""

    def __init__(self, written: bytes) -> None:
        when, _, tag, text = written.split(b" ", 3)
        self.when = when.decode()
        self.text = text + (b"\n" if tag == b"F" else b"")


class Wanted:
    """Which lines of a log file someone asked for, as in the API's PodLogOptions."""

    def __init__(self, options: Mapping[str, str]) -> None:
        """Raises ValueError."""
        self._tail = int(options["tailLines"]) if "tailLines" in options else None
        self._left = int(options["limitBytes"]) if "limitBytes" in options else None
        self._stamped = options.get("timestamps") == "true"
        self._since = options.get("sinceTime", "")
        if seconds := options.get("sinceSeconds"):
            self._since = _stamp(datetime.now(UTC) - timedelta(seconds=int(seconds)))
        self._unfinished = b""

    def of(self, written: bytes) -> bytes:
        """Return what is wanted of the next part of the file; of the first part, only the last lines may be."""
        *whole, self._unfinished = (self._unfinished + written).split(b"\n")
        lines = [line for line in map(Line, whole) if line.when >= self._since]
        if self._tail is not None:
            lines = lines[len(lines) - min(self._tail, len(lines)) :]
            self._tail = None
        text = b"".join((f"{line.when} ".encode() if self._stamped else b"") + line.text for line in lines)
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
        return text
