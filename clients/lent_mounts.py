"""Mounts that are written into containers of others, and then relinquished. Pure functions.

A field manager that holds a part of an item holds the item: while this stack owned a mount, the container's owner could
not rename it (`containers[0].image: Required value`). So a mount is written and relinquished: the value stays, and no
later write of the owner conflicts. What this stack wrote is known by the volume that is mounted, which it goes on
owning.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from clients import managed_fields
from clients.kubernetes import Manifest
from clients.managed_fields import Entries, Holder, Path

_POD: Path = ("f:spec", "f:template", "f:spec")
_VOLUMES, _CONTAINERS = (*_POD, "f:volumes"), (*_POD, "f:containers")


def is_lent(path: Path) -> bool:
    """Whether an entry lies in an item of another manager."""
    return any(step.startswith("k:") for step in path[:-1])


def found(
    live: Manifest, fragment: Manifest, manager: str, passing_over: Callable[[str], bool] = lambda _: False
) -> list[Path]:
    """List the mounts that the manager has relinquished: of volumes that it owns, and without an owner themselves.

    Args:
        live: the object.
        fragment: what the manager states.
        manager: the field manager.
        passing_over: which other owners do not count.

    """
    managed = live["metadata"].get("managedFields", [])
    stated = [path for path in managed_fields.entries(fragment) if path[-2] == "f:volumes"]
    volumes = managed_fields.holders(managed, stated).get(manager, [])
    mounts = [path for path, mount in _mounts(live) if (*_VOLUMES, managed_fields.key_of("volumes", mount)) in volumes]
    holding = managed_fields.holders(managed, mounts)
    held = {path for owner, paths in holding.items() if not passing_over(owner) for path in paths}
    return [path for path in mounts if path not in held]


def _mounts(live: Manifest) -> Iterator[tuple[Path, Manifest]]:
    """List the mounts in a workload's containers."""
    for container in live.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        of = managed_fields.key_of("containers", container)
        for mount in container.get("volumeMounts", []):
            yield (*_CONTAINERS, of, "f:volumeMounts", managed_fields.key_of("volumeMounts", mount)), mount


def regained(live: Manifest, paths: list[Path], to: Holder) -> Entries:
    """Own lent mounts again, so that the next apply removes those that it does not state."""
    fields: dict[Path, Manifest] = {
        path: {".": {}, **{f"f:{key}": {} for key in mount}} for path, mount in _mounts(live) if path in paths
    }
    return managed_fields.held(live["metadata"].get("managedFields", []), fields, to)


def relinquished(managed: Entries, fragment: Manifest, manager: str) -> Entries:
    """Own none of the mounts any longer, nor the way to them.

    Where another manager states one too, they stay owned: the mount would go once that manager lets go of it.
    """
    lent = [path for path in managed_fields.entries(fragment) if is_lent(path)]
    if managed_fields.holders(managed, lent).keys() - {manager}:
        return managed
    return managed_fields.not_held(managed, sorted({_way(path) for path in lent}), manager)


def _way(path: Path) -> Path:
    """The list that holds the item of another manager."""
    return path[: next(place for place, step in enumerate(path) if step.startswith("k:"))]


def without(live: Manifest, paths: list[Path]) -> Manifest:
    """Leave out entries of an object."""
    rest = deepcopy(live)
    for path in paths:
        _drop(rest, path)
    return rest


def _drop(node: Any, path: Path) -> None:
    step, rest = path[0].removeprefix("f:"), path[1:]
    if not isinstance(node, dict) or step not in node:
        return
    if rest and rest[0].startswith("k:"):
        item = next((one for one in node[step] if managed_fields.key_of(step, one) == rest[0]), None)
        if item is not None and len(rest) == 1:
            node[step].remove(item)
            if not node[step]:
                del node[step]
        elif item is not None:
            _drop(item, rest[1:])
    elif rest:
        _drop(node[step], rest)
    else:
        del node[step]
