"""How a workload replaces its pods, as its controller reads that. Pure."""

import math
from collections.abc import Callable

from clients.kubernetes import Manifest


def keeps_old_pods(live: Manifest) -> bool:
    """Whether a Deployment starts new pods beside all of its old ones."""
    return bool(_replicas(live)) and not _going_first(live)


def stops(live: Manifest) -> bool:
    """Whether all of a workload's pods may be gone before there is a new one."""
    return 0 < _replicas(live) <= _going_first(live)


def _going_first(live: Manifest) -> int:
    strategy, replicas = live["spec"].get("strategy") or {}, _replicas(live)
    if live["kind"] != "Deployment" or strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return replicas
    rolling = strategy.get("rollingUpdate") or {}
    # The API's own defaults; of percentages one is rounded up and the other down, and where both come to none, one pod
    # goes (source: Kubernetes, pkg/controller/deployment/util, ResolveFenceposts).
    surge = _count(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _count(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    return unavailable or int(not surge)


def _replicas(live: Manifest) -> int:
    return int(live["spec"].get("replicas", 1))


def _count(stated: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    return stated if isinstance(stated, int) else rounded(replicas * int(stated.removesuffix("%")) / 100)
