"""Who owns what in a Kubernetes object, as its `metadata.managedFields` tells. Pure functions.

The format is Kubernetes' own, FieldsV1 of its structured-merge-diff library: `f:NAME` for a field, `k:{"name":"x"}` for
an item of a list by its key.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from clients.kubernetes import Manifest

Path = tuple[str, ...]
Entries = list[dict[str, Any]]

# The lists in our fragments and the key of their items: the API's own x-kubernetes-list-map-keys.
_LIST_KEYS = {"volumes": "name", "containers": "name", "initContainers": "name", "volumeMounts": "mountPath"}
_IDENTITY = ("apiVersion", "kind")


def set_by_hand(manager: str) -> bool:
    """Whether a field manager is kubectl: kubectl-patch, kubectl-label, kubectl-edit, kubectl-client-side-apply, ..."""
    return manager == "kubectl" or manager.startswith("kubectl-")


def entries(fragment: Manifest) -> list[Path]:
    """Paths of the entries that a fragment states: an item of a keyed list as a whole, any other field by itself.

    An item that only leads to deeper lists (another manager's container that gets a mount) is a way, not an entry.
    """
    spoken = {k: v for k, v in fragment.items() if k not in _IDENTITY}
    metadata = {k: v for k, v in spoken.get("metadata", {}).items() if k in {"labels", "annotations"}}
    return list(_entries(spoken | {"metadata": metadata}, ()))


def _entries(node: Manifest, way: Path) -> Iterator[Path]:
    for field, value in node.items():
        here = (*way, f"f:{field}")
        if field in _LIST_KEYS and isinstance(value, list):
            for item in value:
                step = (*here, key_of(field, item))
                rest = {k: v for k, v in item.items() if k != _LIST_KEYS[field]}
                if rest and all(k in _LIST_KEYS for k in rest):
                    yield from _entries(rest, step)
                else:
                    yield step
        elif isinstance(value, dict):
            yield from _entries(value, here)
        else:
            yield here


def holders(managed: Entries, wanted: list[Path]) -> dict[str, list[Path]]:
    """Which managers hold which of the wanted entries, wholly or in part."""
    found: dict[str, list[Path]] = {}
    for entry in managed:
        held = [path for path in wanted if _at(entry.get("fieldsV1", {}), path) is not None]
        if held:
            found.setdefault(entry.get("manager", ""), []).extend(held)
    return found


def is_item(path: Path) -> bool:
    """Whether a path names an item of a keyed list."""
    return path[-1].startswith("k:")


def spoken(path: Path) -> str:
    """Write a path for people: `volumes[icloud-import]`, `containers[immich-server].volumeMounts[/external/icloud]`."""
    words = ""
    for step in path:
        if step.startswith("k:"):
            words += f"[{next(iter(json.loads(step[2:]).values()))}]"
        else:
            words += f".{step[2:]}"
    for prefix in (".spec.template.spec", ".metadata.labels", ".metadata.annotations"):
        words = words.removeprefix(prefix)
    return words.removeprefix(".")


@dataclass(frozen=True)
class Holder:
    """A field manager, and how it came to hold what it holds."""

    manager: str
    operation: str
    api_version: str


def hand_over(managed: Entries, wanted: list[Path], gives: Callable[[str], bool], to: Holder) -> Entries:
    """Move the wanted entries of every other manager that `gives` to `to`; their other fields stay with them.

    Returns managedFields as they should be: equal when there is nothing to move.
    """
    managed = deepcopy(managed)
    moved: Manifest = {}
    for entry in managed:
        if entry.get("manager", "") != to.manager and gives(entry.get("manager", "")) and "subresource" not in entry:
            for path in wanted:
                taken = _pop(entry.get("fieldsV1", {}), path)
                if taken is not None:
                    _merge(moved, path, taken)
    if not moved:
        return managed
    _merge(_entry_of(managed, to)["fieldsV1"], (), moved)
    return [entry for entry in managed if entry.get("fieldsV1")]


def renamed(managed: Entries, former: Collection[str], to: Holder) -> Entries:
    """Own all that the manager's former names own; equal when they own nothing."""
    given = [entry for entry in managed if entry.get("manager", "") in former and "subresource" not in entry]
    rest = deepcopy([entry for entry in managed if entry not in given])
    for entry in given:
        _merge(_entry_of(rest, to)["fieldsV1"], (), deepcopy(entry.get("fieldsV1", {})))
    return rest


def held(managed: Entries, owned: Mapping[Path, Manifest], to: Holder) -> Entries:
    """Own these subtrees, too, beside what the holder owns already."""
    managed = deepcopy(managed)
    for path, subtree in owned.items():
        _merge(_entry_of(managed, to)["fieldsV1"], path, deepcopy(subtree))
    return managed


def not_held(managed: Entries, paths: Iterable[Path], manager: str) -> Entries:
    """Own nothing below these paths any longer; the values stay."""
    managed = deepcopy(managed)
    for entry in managed:
        if entry.get("manager", "") == manager and "subresource" not in entry:
            for path in paths:
                _pop(entry.get("fieldsV1", {}), path)
    return [entry for entry in managed if entry.get("fieldsV1")]


def _entry_of(managed: Entries, holder: Holder) -> dict[str, Any]:
    """Find a holder's entry; one that has none gets an empty one."""
    itself = {"manager": holder.manager, "operation": holder.operation}
    entry = next((e for e in managed if itself.items() <= e.items() and "subresource" not in e), None)
    if entry is None:
        entry = {**itself, "apiVersion": holder.api_version, "fieldsType": "FieldsV1", "fieldsV1": {}}
        managed.append(entry)
    return entry


def as_found(live: Manifest, fragment: Manifest) -> Manifest:
    """What the live object holds where the fragment speaks: the same fields of the same items, with the live values."""
    found = {k: fragment[k] for k in _IDENTITY}
    metadata = {k: v for k, v in fragment["metadata"].items() if k in {"name", "namespace"}}
    for field in fragment.keys() - {*_IDENTITY, "metadata"}:
        found[field] = _project(live.get(field), fragment[field], field)
    for field in fragment["metadata"].keys() & {"labels", "annotations"}:
        metadata[field] = _project(live["metadata"].get(field), fragment["metadata"][field], field)
    return found | {"metadata": metadata}


def whole_entries(live: Manifest, fragment: Manifest) -> Manifest:
    """Like `as_found`, but each keyed item whole as it is live: what to apply in order to put it back."""
    return as_found(live, _widened(fragment, live))


def _widened(node: Any, live: Any, field: str = "") -> Any:
    """Replace each item that is an entry by its live self, so that projecting on it keeps every field of it."""
    if isinstance(node, dict) and isinstance(live, dict):
        return {k: _widened(v, live.get(k), k) for k, v in node.items()}
    if field in _LIST_KEYS and isinstance(node, list):
        by_key = {item[_LIST_KEYS[field]]: item for item in live or []}
        return [_widened_item(item, by_key.get(item[_LIST_KEYS[field]]), field) for item in node]
    return node


def _widened_item(item: Manifest, live: Manifest | None, field: str) -> Manifest:
    rest = {k: v for k, v in item.items() if k != _LIST_KEYS[field]}
    if live is None:
        return item
    if rest and all(k in _LIST_KEYS for k in rest):
        return {k: _widened(v, live.get(k), k) for k, v in item.items()}
    return live


def _project(live: Any, wanted: Any, field: str) -> Any:
    if isinstance(wanted, dict):
        if not isinstance(live, dict):
            return {}
        return {k: _project(live[k], v, k) for k, v in wanted.items() if k in live}
    if field in _LIST_KEYS and isinstance(wanted, list):
        by_key = {item[_LIST_KEYS[field]]: item for item in live or []}
        pairs = [(by_key.get(item[_LIST_KEYS[field]]), item) for item in wanted]
        return [_project(mine, item, "") for mine, item in pairs if mine is not None]
    return live


def key_of(field: str, item: Manifest) -> str:
    """Spell the key of an item of a keyed list."""
    key = _LIST_KEYS[field]
    return "k:" + json.dumps({key: item[key]}, separators=(",", ":"))


def _at(fields: Manifest, path: Path) -> Manifest | None:
    node: Manifest | None = fields
    for step in path:
        node = None if node is None else node.get(_key(node, step))
    return node


def _key(fields: Manifest, step: str) -> str:
    """Find the key of a step: an item's key is JSON, of which each version of Go escapes other characters."""
    if step in fields or not step.startswith("k:"):
        return step
    item = json.loads(step[2:])
    return next((key for key in fields if key.startswith("k:") and json.loads(key[2:]) == item), step)


def _pop(fields: Manifest, path: Path) -> Manifest | None:
    """Take the subtree at `path` out, and the branches that it leaves bare."""
    step = _key(fields, path[0])
    if len(path) == 1:
        taken: Manifest | None = fields.pop(step, None)
        return taken
    child = fields.get(step)
    taken = None if child is None else _pop(child, path[1:])
    if taken is not None and not child:
        del fields[step]
    return taken


def _merge(fields: Manifest, path: Path, subtree: Manifest) -> None:
    for step in reversed(path):
        subtree = {step: subtree}
    for step, more in subtree.items():
        key = _key(fields, step)
        if key not in fields:
            fields[key] = more
            continue
        if bool(fields[key]) != bool(more):  # a leaf owns the node itself: beside children that takes a "."
            fields[key].setdefault(".", {})
        _merge(fields[key], (), more)
