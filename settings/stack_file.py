"""Which values a stack file holds in plain text: the engine tells only whether a key has a secret anywhere in it."""

from collections.abc import Iterator
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from settings import yaml_text
from settings.errors import SettingsError
from settings.yaml_text import YamlError

_MERGE = "tag:yaml.org,2002:merge"


def plain_leaves(file: Path) -> set[str]:
    """Find the single values that stand in plain text, as `namespace:key.key[place]`; none where there is no file.

    Raises:
        SettingsError: when it can't be read, though the engine may read it: a secret in it would pass unseen.

    """
    if not file.is_file():
        return set()
    try:
        stack = yaml_text.composed(yaml_text.text_of(file))
    except YamlError as error:
        raise SettingsError([f"{file.name}: {error}"]) from None
    return {leaf for key, config in _items(stack) if key == "config" for leaf in _config(config)}


def _config(config: Node) -> Iterator[str]:
    for key, value in _items(config):
        # `namespace:config:key` is how Pulumi once wrote a key, and still reads it.
        yield from plain_values(value, key.replace(":config:", ":", 1))


def _items(node: Node | None) -> Iterator[tuple[str, Node]]:
    """List a mapping's keys as they are written: the engine takes `on` for a text."""
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if key.tag == _MERGE:
            merged = value.value if isinstance(value, SequenceNode) else [value]
            yield from (item for each in merged for item in _items(each))
        else:
            yield str(key.value), value


def plain_values(node: Node, path: str) -> Iterator[str]:
    """Find the single values of a node that stand in plain text, as `path.key[place]`."""
    match node:
        case MappingNode():
            match list(_items(node)):
                case [("secure", ScalarNode())]:
                    return
                case items:
                    for key, inner in items:
                        yield from plain_values(inner, f"{path}.{key}")
        case SequenceNode():
            for place, inner in enumerate(node.value):
                yield from plain_values(inner, f"{path}[{place}]")
        case _:
            yield path
