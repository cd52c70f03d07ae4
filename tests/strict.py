"""Holds JSON against a model of an official SDK, which itself forgives everything: it never validates an answer."""

import types
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_SCALARS: dict[Any, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


def misfits(value: Any, kind: Any, where: str = "") -> list[str]:
    """What is wrong with `value` as a `kind`, by its path: missing though required, unknown, or of another type."""
    return list(_misfits(value, kind, where))


def _misfits(value: Any, kind: Any, where: str) -> Iterator[str]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _misfits(value, arguments[0], where)
    elif origin in (Union, types.UnionType):
        # The nearest: one of the same shape first, then the one with the least that is wrong.
        every = [misfits(value, one, where) for one in arguments]
        yield from min(every, key=lambda wrong: (any(one.startswith(f"{where}: ") for one in wrong), len(wrong)))
    elif origin is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misfits(item, arguments[0], f"{where}[{index}]")
    elif isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        yield from _model_misfits(value, kind, where)
    elif not _fits(value, kind):
        yield f"{where}: {value!r} is no {getattr(kind, '__name__', kind)}"


def _model_misfits(value: dict[str, Any], kind: type[BaseModel], where: str) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    for name, field in fields.items():
        if name in value:
            yield from _misfits(value[name], field.annotation, f"{where}.{name}")
        elif field.is_required():
            yield f"{where}.{name}: missing"
    for name in value.keys() - fields.keys():
        yield f"{where}.{name}: unknown"


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is object:
        return True
    if kind in (None, types.NoneType):
        return value is None
    if kind is datetime:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    # A boolean is an integer to Python only.
    return type(value) in _SCALARS.get(kind, ())
