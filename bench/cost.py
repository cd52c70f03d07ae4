"""What a command costs, by the kernel's count: of its process and all that it waited for."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_KIBIBYTES = 1 if sys.platform != "darwin" else 1024  # in a unit of ru_maxrss


@dataclass(frozen=True)
class Cost:
    """Processor seconds (user and system), seconds by the clock, and the largest process's memory in MiB."""

    processor: float
    wall: float
    memory: float


def of(words: Sequence[str], project: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: when it fails, with what it printed.

    """
    log = project / "bench.log"
    with log.open("w") as output:
        begun = time.monotonic()
        process = subprocess.Popen(words, cwd=project, env={**os.environ, **environment}, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)  # so that it is not waited for again
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{log.read_text()}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / _KIBIBYTES / 1024)
