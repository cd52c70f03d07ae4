"""What the engine keeps of an object: its type in the URN, its id, and the state with the last inputs inside."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from lab.plugins.awaits import annotation
from lab.plugins.changes import Object
from lab.plugins.properties import Properties, with_secrets_of

_INITIAL_VERSION: Final = "__initialApiVersion"
_MANAGER: Final = "__fieldManager"
_INPUTS: Final = "__inputs"
_FOREIGN: Final = {
    "CustomResourceDefinition", "DaemonSet", "Pod", "ReplicationController", "ResourceQuota", "StatefulSet",
    "StorageClass",
}  # fmt: skip
"""Kinds for which the real plugin has rules of its own that are not here; all others go by discovery."""


def kind_of(urn: str) -> tuple[str, str]:
    """Return apiVersion and kind of a resource's URN.

    Raises:
        ValueError: a type that this stand-in doesn't know.
    """
    token = urn.split("::")[2].rpartition("$")[2]
    _, version, kind = token.split(":", 2)
    group, slash, number = version.partition("/")
    helper = group.partition(".")[0] in ("helm", "kustomize", "yaml")
    if not slash or helper or kind in _FOREIGN or kind.endswith(("Patch", "List")):
        raise ValueError(f"the lab's Kubernetes stand-in does not know {token}: install the real plugin for it")
    return (number if group == "core" else version), kind


def initial_version(inputs: Object, state: Mapping[str, Any]) -> str:
    """Return the apiVersion that the object was created with."""
    return str(state.get(_INITIAL_VERSION) or inputs["apiVersion"])


def field_manager(inputs: Object, state: Mapping[str, Any]) -> str:
    """Return the name to apply under: the annotation's, the one used before, or a new one."""
    return annotation(inputs, "patchFieldManager") or state.get(_MANAGER) or f"pulumi-kubernetes-{secrets.token_hex(4)}"


def object_id(live: Object) -> str:
    """Return the resource's id: `namespace/name`, or `name`."""
    metadata = live["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def checkpoint(inputs: Object, live: Object, given: Properties, manager: str, version: str = "") -> Properties:
    """Return the state that the engine keeps: the live object, its inputs beside it, secrets marked in both."""
    secret_texts = {"data": given["stringData"]} if "stringData" in given else {}
    return {
        **with_secrets_of(live, {**given, **secret_texts}),
        _INPUTS: with_secrets_of(inputs, given),
        _INITIAL_VERSION: version or inputs["apiVersion"],
        _MANAGER: manager,
    }


def split(state: Object) -> tuple[Object, Object]:
    """Take a checkpoint apart into the last inputs and the live object."""
    live = {key: item for key, item in state.items() if key not in (_INPUTS, _INITIAL_VERSION, _MANAGER)}
    return state.get(_INPUTS, {}), live
