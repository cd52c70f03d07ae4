"""What every pod of ours that calls out needs of its NetworkPolicy."""

from typing import Final

from clients.kubernetes import Manifest

# DNS, to anywhere: a node's own resolver has no labels.
NAMES: Final[Manifest] = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
