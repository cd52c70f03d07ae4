"""A YAML file of the user's; what is wrong with one is reported by its place, as its lines may hold secrets."""

from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml import Node
from yaml.constructor import SafeConstructor

from text.visible import VisibleError

# What PyYAML raises of a tagged value that is none: `!!timestamp x`, `!!int ""`, `!!bool x`, a date that no month has.
NO_VALUE = (ValueError, AttributeError, LookupError)


# What aliases may come to: cloudflared and Pulumi refuse a document with more, too.
_MOST_VALUES = 100_000
# Characters: a hundred times as many take an hour and all memory, so that no review of such a file would end.
_LONGEST = 2**20


class YamlError(VisibleError):
    """The file can't be read. `str()` follows the file's name: "is not YAML: ..."."""


def read_yaml(file: Path) -> Any:
    """Read a file's one document.

    Raises:
        YamlError: when it is missing or unreadable, not text in UTF-8, not YAML, or an alias in it refers to itself.

    """
    root = composed(text_of(file))
    try:
        return SafeConstructor().construct_document(root) if root else None
    except (yaml.YAMLError, RecursionError, *NO_VALUE) as error:
        _refuse(error)


def text_of(file: Path) -> str:
    """Read a file's text.

    Raises:
        YamlError: when it is missing or unreadable, or not in UTF-8.

    """
    try:
        return decoded(file.read_bytes())
    except OSError as error:
        raise YamlError(f"can't be read: {error.strerror}") from None


def decoded(content: bytes) -> str:
    """Decode a file's content.

    Raises:
        YamlError: when it is not UTF-8.

    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise YamlError("is not text in UTF-8. Save it in that encoding") from None


def composed(text: str) -> Node | None:
    """Parse a text into nodes, each value as it is written.

    Raises:
        YamlError: when it is not YAML, when an alias in it refers to what it is a part of, or when it is longer, or its
            aliases stand for more values, than what a person writes.

    """
    if len(text) > _LONGEST:
        raise YamlError(f"has {len(text)} characters. Allowed: {_LONGEST}")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        _refuse(error)
    _refuse_circles(root, frozenset(), set())
    if is_excessive(root):
        raise YamlError("has aliases that stand for too many values")
    return root


def is_excessive(root: Node | None) -> bool:
    """Whether a document's aliases stand for so many values that reading them all would take forever."""
    return _values(root, {}) > _MOST_VALUES


def _values(node: Node | None, known: dict[int, int]) -> int:
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 1  # for what refers to itself
        known[id(node)] += sum(
            _values(part, known) for item in node.value for part in (item if isinstance(item, tuple) else (item,))
        )
    return known[id(node)]


def _refuse(error: Exception) -> NoReturn:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        reason = f"{error.problem}, line {mark.line + 1}, column {mark.column + 1}"
    elif isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    else:
        reason = getattr(error, "reason", None) or "a date or number in it is none"
    raise YamlError(f"is not YAML: {' '.join(str(reason).split())}") from None


def _refuse_circles(node: Node | None, around: frozenset[int], seen: set[int]) -> None:
    if not isinstance(node, yaml.CollectionNode):
        return
    if id(node) in around:
        raise YamlError(f"has an alias on line {node.start_mark.line + 1} that refers to itself")
    if id(node) in seen:
        return
    seen.add(id(node))
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            _refuse_circles(part, around | {id(node)}, seen)
