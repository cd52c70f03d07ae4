"""How a workload replaces its pods, as its controller reads that. Pure."""

import math
from collections.abc import Callable

from clients.kubernetes import Manifest


def keeps_old_pods(live: Manifest) -> bool:
    """Whether a Deployment starts new pods beside all of its old ones."""
    spec = live["spec"]
    strategy, replicas = spec.get("strategy") or {}, spec.get("replicas", 1)
    if live["kind"] != "Deployment" or strategy.get("type", "RollingUpdate") != "RollingUpdate" or not replicas:
        return False
    rolling = strategy.get("rollingUpdate") or {}
    # The API's own defaults; of percentages one is rounded up and the other down.
    surge = _count(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _count(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    return unavailable == 0 and surge > 0


def _count(stated: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    return stated if isinstance(stated, int) else rounded(replicas * int(stated.removesuffix("%")) / 100)
