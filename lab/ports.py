"""Ports on loopback: those of the last time, or free ones."""

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Ports:
    """The ports that a control plane's programs listen on."""

    etcd: int
    api: int
    node: int

    @classmethod
    def choose(cls, memory: Path) -> Self:
        """Those of the last time where they are still free, so that a kubeconfig stays good; else free ones."""
        try:
            last = cls.remembered(memory)
            ports = cls(etcd=_free(last.etcd), api=_free(last.api), node=_free(last.node))
        except (OSError, ValueError):
            ports = cls(etcd=_free(), api=_free(), node=_free())
        memory.write_text(json.dumps(asdict(ports)))
        return ports

    @classmethod
    def remembered(cls, memory: Path) -> Self:
        """Raises OSError or ValueError when there is no memory of them."""
        try:
            return cls(**json.loads(memory.read_text()))
        except TypeError as error:
            raise ValueError(memory) from error


def _free(wanted: int = 0) -> int:
    """Return `wanted`, or any free port; raises OSError when `wanted` is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])
