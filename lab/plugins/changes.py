"""What differs between a live object and the inputs, and what of it means a replacement: pure functions.

The rules are those of the real plugin 4.32.0 (source: provider/pkg/provider/{provider,diff,util}.go): the live object
is cut down to the fields that the last inputs had, and that is compared with the new inputs.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from typing import Any, Final

from kubernetes.utils.quantity import parse_quantity

from clients.kubernetes_types import without_nulls

Object = dict[str, Any]
Path = tuple[str | int, ...]

_READ_ONLY_METADATA: Final = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
    "resourceVersion", "uid",
)  # fmt: skip
_VOLUME_SOURCES: Final = ("csi", "hostPath", "local", "nfs")
_FORCE_NEW: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("v1", "PersistentVolume"): tuple(f"spec.{source}" for source in _VOLUME_SOURCES),
    ("v1", "PersistentVolumeClaim"): ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    ("v1", "Service"): ("spec.clusterIP",),
    ("v1", "Secret"): ("type", "data", "stringData"),
    ("v1", "ConfigMap"): ("data", "binaryData"),
    ("apps/v1", "Deployment"): ("spec.selector",),
    ("batch/v1", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
}
_QUANTITIES: Final = {"requests", "limits", "capacity", "hard", "allocatable"}
_ABSENT: Final = object()


class Kind(Enum):
    """The kinds of change that the engine tells apart."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True)
class Change:
    """One change of one property."""

    kind: Kind
    replaces: bool


def force_new(obj: Object) -> list[Path]:
    """Return the paths of this object that can't be changed in place."""
    key = (obj.get("apiVersion", ""), obj.get("kind", ""))
    return [tuple(rule.split(".")) for rule in ("metadata.name", "metadata.namespace", *_FORCE_NEW.get(key, ()))]


def is_builtin(obj: Object) -> bool:
    """Say whether Kubernetes itself defines the type, so that its absent and its zero values are the same."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    # gateway.networking.k8s.io and its like are custom resources under a k8s.io name.
    return "." not in group or group in {
        "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io", "coordination.k8s.io", "scheduling.k8s.io",
    }  # fmt: skip


def normalised(obj: Object) -> Object:
    """Return a copy in the form in which the API server gives the object back."""
    result: Object = without_nulls(obj) if is_builtin(obj) else dict(obj)
    if isinstance(metadata := result.get("metadata"), dict):
        result["metadata"] = {key: item for key, item in metadata.items() if key not in _READ_ONLY_METADATA}
    if (result.get("apiVersion"), result.get("kind")) == ("v1", "Secret") and isinstance(
        result.get("stringData"), dict
    ):
        clear = result.pop("stringData")
        if all(isinstance(text, str) for text in clear.values()):
            encoded = {key: base64.b64encode(text.encode()).decode() for key, text in clear.items()}
            result["data"] = {**(result.get("data") or {}), **encoded}
        else:
            result["stringData"] = clear
    return result


def pruned(source: Any, shape: Any) -> Any:
    """Cut a live value down to the keys and list places that the shape has."""
    if isinstance(source, dict) and isinstance(shape, dict):
        return {key: pruned(item, shape[key]) for key, item in source.items() if key in shape}
    if isinstance(source, list) and isinstance(shape, list):
        if source and shape and type(source[0]) is not type(shape[0]):
            return list(source)
        return [pruned(item, part) for item, part in zip(source, shape, strict=False)]
    return source


def compare(old: Object, new: Object, rules: list[Path]) -> dict[str, Change]:
    """Compare two objects.

    Returns:
        The changes by property path in the engine's notation, such as `spec.ports[0]["a.b"]`.
    """
    result = {}
    for path, kind, value in _compare((), old, new, builtin=is_builtin(new)):
        replaces = any(_touches(path, value, rule) for rule in rules) or (path, kind) == (("metadata",), Kind.DELETE)
        result[format_path(path)] = Change(kind, replaces)
    return result


def format_path(path: Path) -> str:
    """Write a property path as the engine parses it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(mark in part for mark in '."[]'):
            text += '["' + part.replace('"', '\\"') + '"]'
        else:
            text += f".{part}" if text else part
    return text


def _compare(path: Path, old: Any, new: Any, *, builtin: bool) -> Iterator[tuple[Path, Kind, Any]]:
    if new is _ABSENT:
        yield path, Kind.DELETE, None
    elif old is _ABSENT:
        if not (builtin and _is_zero(new)):
            yield path, Kind.ADD, new
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare((*path, key), old.get(key, _ABSENT), new.get(key, _ABSENT), builtin=builtin)
    elif isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip_longest(old, new, fillvalue=_ABSENT)):
            yield from _compare((*path, index), before, after, builtin=builtin)
    elif not _equal(path, old, new):
        yield path, Kind.UPDATE, new


def _is_zero(value: Any) -> bool:
    """Say whether the API server drops such a value, as Go's omitempty does."""
    if isinstance(value, dict):
        return all(_is_zero(item) for item in value.values())
    return value in (None, False, 0, "", [])


def _equal(path: Path, old: Any, new: Any) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if bool(old == new):
        return True
    if _QUANTITIES.isdisjoint(path):
        return False
    try:
        return bool(parse_quantity(old) == parse_quantity(new))
    except (TypeError, ValueError):
        return False


def _touches(path: Path, value: Any, rule: Path) -> bool:
    """Say whether a change lies below, at, or (with a value that has the rest of the rule) above an immutable path."""
    shared = min(len(path), len(rule))
    if path[:shared] != rule[:shared]:
        return False
    for key in rule[len(path) :]:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
