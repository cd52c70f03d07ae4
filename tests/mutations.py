"""An answer that is wrong somewhere: each field of a right one null, missing or of another type."""

import json
from collections.abc import Iterator
from copy import deepcopy
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
    """Each wrong answer, with what is wrong about it."""
    for path in _paths(right, ()):
        for wrong in _WRONG:
            whole = deepcopy(right)
            parent = whole
            for step in path[:-1]:
                parent = parent[step]
            if wrong is _MISSING:
                del parent[path[-1]]
            else:
                parent[path[-1]] = deepcopy(wrong)
            yield f"{'.'.join(map(str, path))}: {'missing' if wrong is _MISSING else json.dumps(wrong)}", whole


def _paths(value: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*way, key)
        yield from _paths(item, (*way, key))
