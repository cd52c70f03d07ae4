"""Whether a live object is as it is wanted; what it has besides is a default."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kubernetes.utils.quantity import parse_quantity


class Difference(NamedTuple):
    """A field that is not as it is wanted."""

    path: str
    live: Any
    wanted: Any


def unlike(wanted: Any, live: Any, way: str = "") -> Iterator[Difference]:
    """Find the fields in which a live object is not as it is wanted. What is wanted empty may be absent."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            found = live.get(key) if isinstance(live, dict) else None
            yield from unlike(value, found, f"{way}.{key}" if way else key)
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from unlike(one, other, f"{way}[{number}]")
    elif wanted != live and (wanted or live) and not same_quantity(wanted, live):
        yield Difference(way, live, wanted)


def same_quantity(wanted: Any, live: Any) -> bool:
    """Whether two texts are one quantity: the API server writes 1024Gi as 1Ti."""
    texts = (wanted, live)
    return all(isinstance(one, str) and is_quantity(one) for one in texts) and len(set(map(parse_quantity, texts))) == 1


def is_quantity(text: str) -> bool:
    """Whether a text is a quantity, and a number."""
    try:
        return bool(parse_quantity(text).is_finite())
    except (ValueError, ArithmeticError):
        return False


def value_at(spec: dict[str, Any], path: str) -> Any:
    """Return what stands at a path of keys; None where nothing does."""
    node: Any = spec
    for step in path.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node
