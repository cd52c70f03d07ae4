"""The simulated node: kwok plays it and its pods, all but those of Jobs, which `lab.node` runs."""

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Final

import psutil

from lab import processes
from lab.node.container import PROCESS as CONTAINER

_PROJECT: Final = Path(__file__).parent.parent
_KWOK: Final = _PROJECT / "lab" / "kwok"


class SimulatedNode:
    """kwok and `lab.node`, which are one node."""

    programs: Final = ("kwok", "node")
    processes: Final = (*programs, CONTAINER)

    def __init__(self, kwok: Path) -> None:
        """Nothing starts yet."""
        self._kwok = kwok

    def enter(self, _home: Path, _port: int) -> tuple[str, ...]:
        """It needs no place of its own."""
        return ()

    def start(self, home: Path, name: str, kubeconfig: Path, credentials: Path, port: int) -> dict[str, psutil.Popen]:
        """Start both."""
        return {
            "kwok": processes.start(
                home,
                "kwok",
                [
                    self._kwok,
                    f"--kubeconfig={kubeconfig}",
                    f"--config={_KWOK / 'node-stages.yaml'}",
                    f"--config={_KWOK / 'pod-stages.yaml'}",
                    "--manage-all-nodes",
                    # Talos' default pod network; the node's address is from the block for documentation.
                    "--cidr=10.244.0.0/16",
                    "--node-ip=192.0.2.10",
                    "--node-lease-duration-seconds=0",
                ],
                # Its workers share a map without a lock (v0.7.0: "fatal error: concurrent map writes", rarely, where it
                # starts with pods that are there).
                {**os.environ, "GOMAXPROCS": "1"},
            ),
            "node": processes.start(
                home,
                "node",
                [
                    *(sys.executable, "-m", "lab.node", name, home.resolve(), str(port)),
                    *(kubeconfig, credentials / "server.pem", credentials / "ca.pem"),
                ],
                {**os.environ, "PYTHONPATH": str(_PROJECT)},
            ),
        }

    def listens(self, _home: Path, port: int) -> bool:
        """Whether it is reached on loopback."""
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False
