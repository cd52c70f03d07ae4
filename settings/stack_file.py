"""Which values a stack file holds in plain text: the engine tells only whether a key has a secret anywhere in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from settings import yaml_text
from settings.yaml_text import YamlError


def plain_leaves(file: Path) -> set[str]:
    """Find the single values that stand in plain text, as `namespace:key.key[place]`; none in an unreadable file."""
    try:
        stack = yaml_text.read_yaml(file)
    except YamlError:
        return set()
    config = stack.get("config") if isinstance(stack, dict) else None
    items = config.items() if isinstance(config, dict) else ()
    # `namespace:config:key` is how Pulumi once wrote a key, and still reads it.
    return {leaf for key, value in items for leaf in _plain(value, str(key).replace(":config:", ":", 1))}


def _plain(value: Any, path: str) -> Iterator[str]:
    match value:
        case {"secure": str(), **rest} if not rest:
            return
        case dict():
            for key, inner in value.items():
                yield from _plain(inner, f"{path}.{key}")
        case list():
            for place, inner in enumerate(value):
                yield from _plain(inner, f"{path}[{place}]")
        case _:
            yield path
