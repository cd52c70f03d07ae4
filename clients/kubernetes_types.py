"""Whether an answer of the API server is an object of its kind, by the types of Kubernetes' own client.

What it does not know, of a newer server, passes; of custom resources, what is not read.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

from kubernetes import client

from clients import custom_types
from clients.likeness import is_quantity

_MOST = 2**63
_SCALARS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int and abs(value) < _MOST,
    "float": lambda value: type(value) in {int, float},
    "bool": lambda value: isinstance(value, bool),
    "quantity": lambda value: isinstance(value, str) and is_quantity(value),
    "datetime": lambda value: isinstance(value, str) and _is_time(value),
    "object": lambda _: True,
}
# Servers always send these.
_ALWAYS = {"spec", "containers", "operation"}
_IN_METADATA = ("name", "uid")
_QUANTITIES = {"allocatable", "capacity", "limits", "requests"}
_COLLECTION = re.compile(r"(list|dict)\[(?:str, )?(.+)]")
_PER_CENT = re.compile("[0-9]{1,9}%")
_STRICT, _LENIENT = client.Configuration(), client.Configuration()
_LENIENT.client_side_validation = False


def without_nulls(value: Any) -> Any:
    """Leave out what is null, which is Kubernetes' other word for absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def faults(found: Any, api_version: str, kind: str, *, stored: bool = True) -> Iterator[str]:
    """Name the places where an object is not of its kind; one that a dry run made is not stored and has no version."""
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        yield "metadata"
        return
    if not kind.endswith("Review"):  # which is answered, and not kept
        always = (*_IN_METADATA, "resourceVersion") if stored else _IN_METADATA
        yield from (f"metadata.{key}" for key in always if not found["metadata"].get(key))
    version = f"{api_version.rpartition('/')[2].capitalize()}{kind}"
    model = next((name for name in (version, f"Core{version}") if hasattr(client.models, name)), None)
    if model:
        yield from _faults(found, model, kind)
    else:
        yield from _faults(found["metadata"], "V1ObjectMeta", "metadata")
        yield from custom_types.faults(found, kind)


def _faults(value: Any, type_: str, place: str) -> Iterator[str]:
    if scalar := _SCALARS.get(type_):
        right = _OPEN.get(place.rpartition(".")[2], scalar)
        if not right(value):
            yield place
    elif collection := _COLLECTION.fullmatch(type_):
        if not isinstance(value, list if collection[1] == "list" else dict):
            yield place
            return
        items = enumerate(value) if isinstance(value, list) else value.items()
        # A LimitRange has `limits`, too: a list of others.
        quantities = collection[2] == "str" and place.rpartition(".")[2] in _QUANTITIES
        for key, item in items:
            yield from _faults(item, "quantity" if quantities else collection[2], f"{place}[{key}]")
    elif not isinstance(value, dict):
        yield place
    else:
        for key, inner, required in _fields(type_):
            if key in value:
                yield from _faults(value[key], inner, f"{place}.{key}")
            if required and value.get(key) in (None, []):
                yield f"{place}.{key}"


@cache
def _fields(type_: str) -> tuple[tuple[str, str, bool], ...]:
    """List a model's fields: the key, the type, and whether it is always there. A list may be left out when empty."""
    model = getattr(client.models, type_)
    blank = model(local_vars_configuration=_LENIENT)
    blank.local_vars_configuration = _STRICT
    return tuple(
        (key, inner, key in _ALWAYS or (not inner.startswith("list[") and _is_required(blank, name)))
        for name, inner in model.openapi_types.items()
        for key in (model.attribute_map[name],)
    )


def _is_required(blank: Any, name: str) -> bool:
    try:
        setattr(blank, name, None)
    except ValueError:
        return True
    return False


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_share(value: Any) -> bool:
    return type(value) is int or (isinstance(value, str) and bool(_PER_CENT.fullmatch(value)))


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_tree, value.values()))


# What the client's types leave open, and its users go by.
_OPEN: dict[str, Callable[[Any], bool]] = {
    "targetPort": lambda value: type(value) in {int, str},
    "maxSurge": _is_share,
    "maxUnavailable": _is_share,
    "fieldsV1": _is_tree,
}
