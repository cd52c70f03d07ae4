"""An answer that is wrong somewhere: each field of a right one null, missing or of another type."""

import json
from collections.abc import Iterator
from copy import copy, deepcopy
from typing import Any

WRONG_BODIES = {
    "sign-in page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "text": b'"yes"',
    "number": b"7",
    "cut": b'{"kind": "Deployment", "metada',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "deep": b"[" * 100_000,
}
_MISSING = object()
_WRONG: tuple[Any, ...] = (None, _MISSING, 7, "x", [], {}, [None], {"x": None}, True)


def mutated(right: Any) -> Iterator[tuple[str, Any]]:
    """Each wrong answer, to be read alone, with what is wrong about it."""
    for path in _paths(right, ()):
        for wrong in _WRONG:
            told = "missing" if wrong is _MISSING else json.dumps(wrong)
            yield f"{'.'.join(map(str, path))}: {told}", _with(right, path, wrong)


def _with(right: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    """Copy the way to the field; what is beside it is shared."""
    whole = copy(right)
    step, *rest = path
    if rest:
        whole[step] = _with(right[step], (*rest,), wrong)
    elif wrong is _MISSING:
        del whole[step]
    else:
        whole[step] = deepcopy(wrong)
    return whole


def _paths(value: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*way, key)
        yield from _paths(item, (*way, key))
