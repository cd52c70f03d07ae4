"""One rule of this stack in the text of a cloudflared configuration, every other byte kept. Pure.

No YAML library writes back what people wrote. So the text is cut where the parser says that an item begins or ends, and
the result is parsed again: it has to mean the old document and our rule, or nothing is changed.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from clients import ingress_check
from clients.ingress_rules import Rule, covers, fault, key
from settings import yaml_text

_INGRESS = "ingress"
_NULLS = {"", "~", "null", "Null", "NULL"}
_MERGE = "<<"
# What ends a line in YAML 1.1.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAKS = "\n\r\x85\u2028\u2029"
_COMMENT = re.compile("[ \t]*#")
# Text that YAML takes for itself without quotes, wherever it stands.
_PLAIN = re.compile(r"(?!(true|false|yes|no|on|off|null)$)[A-Za-z][\w./*-]*(:[\w./-]+)*", re.ASCII | re.IGNORECASE)


class DocumentError(ValueError):
    """The document is not as it has to be; nothing was changed. `str()` completes `the document ...`."""


@dataclass(frozen=True)
class _Item:
    """An item of the list of rules.

    Attributes:
        start: where it begins, at its dash if it has one.
        end: where its last token ends.
        after: where whatever stands before it ends.
        column: of its dash; -1 in flow style.

    """

    start: int
    end: int
    after: int
    column: int


@dataclass(frozen=True)
class TunnelDocument:
    """A configuration as it is.

    Attributes:
        text: the file.
        rules: as cloudflared reads them: an item that is null is none.
        rest: everything else in the document.
        fault: what cloudflared would refuse in it; completes `the document ...`, empty for nothing.

    """

    text: str
    rules: tuple[Rule, ...]
    rest: Mapping[str, Any]
    fault: str
    _items: tuple[_Item, ...]

    @classmethod
    def read(cls, text: str) -> "TunnelDocument":
        """Read the first document of a file, which is all that cloudflared reads.

        Raises:
            DocumentError: when cloudflared would refuse it, or nothing can be put into it.

        """
        try:
            root = _root(text)
            spans = _spans(text)
            excessive = yaml_text.is_excessive(root)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}" if mark else ""
            raise DocumentError(f"is no YAML that this stack reads{place}") from None
        except RecursionError:
            raise DocumentError("is nested too deeply") from None
        if excessive:
            raise DocumentError("has aliases that stand for too many values")
        document = _meaning(root, ())
        if not isinstance(document, dict):
            raise DocumentError("is no mapping")
        ingress = document.pop(_INGRESS, None)
        if not isinstance(ingress, list) or not spans:
            raise DocumentError("has no list `ingress` of its own")
        if len(spans) != len(ingress):
            raise DocumentError("has a list `ingress` that stands elsewhere")
        kept = [(_rule(item), span) for item, span in zip(ingress, spans, strict=True) if item is not None]
        rules = tuple(rule for rule, _ in kept)
        refused = fault(rules) or ingress_check.fault(rules, document) or ingress_check.of_types(root)
        return cls(text, rules, document, refused, tuple(span for _, span in kept))

    def place(self, hostname: str) -> int:
        """Return the place of the first rule that would take a host's requests, which is where ours goes.

        Raises:
            DocumentError: when cloudflared would refuse the list as it is.

        """
        if self.fault:
            raise DocumentError(self.fault)
        return next(place for place, rule in enumerate(self.rules) if covers(rule, hostname))

    def shown(self, rule: Rule) -> str:
        """Write a rule in the style of the document, as it would be put into it."""
        item = self._items[self.place(key(rule)[0])]
        return _flow(rule) if item.column < 0 else self._block(rule, item)

    def with_rule(self, rule: Rule) -> "TunnelDocument":
        """Put a rule before the first that would take its requests.

        Raises:
            DocumentError: when the document can't take it.

        """
        place = self.place(key(rule)[0])
        item = self._items[place]
        if item.column < 0:
            at, put = item.start, f"{_flow(rule)}, "
        else:
            at, put = self._above(item), self._block(rule, item)
        wanted = (*self.rules[:place], as_read(rule), *self.rules[place:])
        return self._changed(f"{self.text[:at]}{put}{self.text[at:]}", wanted)

    def without_rule(self, place: int) -> "TunnelDocument":
        """Take out the rule at a place.

        Raises:
            DocumentError: when something else needs what would go, such as an anchor.

        """
        item = self._items[place]
        if item.column < 0:
            start = item.start
            following = re.compile(r"\s*, ?").match(self.text, item.end)
            if following is None:
                raise DocumentError("ends in the rule that would be taken out")
            end = following.end()
        else:
            start, end = item.start - item.column, _line_end(self.text, item.end)
        return self._changed(self.text[:start] + self.text[end:], (*self.rules[:place], *self.rules[place + 1 :]))

    def _above(self, item: _Item) -> int:
        """Where the line of an item begins, or of the comments directly above it."""
        lines = [found.end() for found in _BREAK.finditer(self.text, item.after, item.start)]
        if not item.after or self.text[item.after - 1] in _BREAKS:
            lines.insert(0, item.after)
        if not lines or lines[-1] != item.start - item.column:
            raise DocumentError("has a first rule that does not begin its line")
        above = itertools.takewhile(lambda line: _COMMENT.match(self.text, line), reversed(lines[:-1]))
        return [lines[-1], *above][-1]

    def _block(self, rule: Rule, item: _Item) -> str:
        gap = re.compile(r"-( +)[^\s#]").match(self.text, item.start)
        inner = gap[1] if gap else " "
        found = _BREAK.search(self.text, item.start)
        line_break = found[0] if found else "\n"
        first, *others = _lines(rule, "")
        indent = " " * item.column
        lines = [f"{indent}-{inner}{first}", *(f"{indent} {inner}{line}" for line in others)]
        return "".join(f"{line}{line_break}" for line in lines)

    def _changed(self, text: str, wanted: tuple[Rule, ...]) -> "TunnelDocument":
        try:
            changed = TunnelDocument.read(text)
        except DocumentError as error:
            raise DocumentError(f"would be changed so that it {error}") from None
        if (changed.rules, changed.rest) != (wanted, self.rest):
            raise DocumentError("is written so that a rule of its list can't be changed alone")
        return changed


def _rule(item: Any) -> Rule:
    if not isinstance(item, dict):
        raise DocumentError("has a rule that is no mapping")
    for name in ("hostname", "path", "service"):
        if not isinstance(item.get(name), str | None):
            raise DocumentError(f"has a rule whose {name} is no text")
    return item


def _root(text: str) -> Node:
    if re.search(r"^%YAML(?! 1\.1\s)", text, re.MULTILINE):
        raise DocumentError("names a version of YAML that cloudflared does not take")
    loader = yaml.BaseLoader(text)
    try:
        if not loader.check_node():
            raise DocumentError("is empty")
        return cast("Node", loader.get_node())
    finally:
        loader.dispose()


def _meaning(node: Node, within: tuple[Node, ...]) -> Any:
    """What a node says: texts as they are written, nothing for null, merged keys resolved."""
    if any(node is outer for outer in within):
        raise DocumentError("refers to itself")
    inside = (*within, node)
    if isinstance(node, ScalarNode):
        return None if node.style is None and node.value in _NULLS else node.value
    if isinstance(node, SequenceNode):
        return [_meaning(each, inside) for each in node.value]
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for name, value in node.value:
        if isinstance(name, ScalarNode) and name.style is None and name.value == _MERGE:
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(source, MappingNode):
                    raise DocumentError("merges what is no mapping")
                merged = {**_meaning(source, inside), **merged}
            continue
        if not isinstance(name, ScalarNode):
            raise DocumentError("has a key that is no text")
        if name.value in own:
            raise DocumentError(f"has the key {name.value} twice")
        own[name.value] = _meaning(value, inside)
    return {**merged, **own}


_OPENS = (
    yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken,
)  # fmt: skip
_CLOSES = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
# Tokens that stand for no character.
_EMPTY = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.BlockEndToken)


def _tokens(text: str) -> Iterator[tuple[Any, int]]:
    """The tokens of the first document, each with how deep it stands."""
    depth = 0
    for token in yaml.scan(text, Loader=yaml.BaseLoader):
        depth -= isinstance(token, _CLOSES)
        yield token, depth
        if isinstance(token, _CLOSES) and not depth:
            return
        depth += isinstance(token, _OPENS)


def _spans(text: str) -> list[_Item]:
    """Where the items of the list of rules stand; empty where it stands elsewhere, behind an alias or a merge."""
    tokens = list(_tokens(text))
    begin = next((place + 2 for place in range(1, len(tokens) - 3) if _is_ingress(tokens, place)), None)
    if begin is None:
        return []
    while isinstance(tokens[begin][0], yaml.AnchorToken | yaml.TagToken):
        begin += 1
    opening, depth = tokens[begin]
    if isinstance(opening, yaml.FlowSequenceStartToken):
        return list(_flow_items(tokens, begin + 1, depth + 1))
    if isinstance(opening, yaml.BlockSequenceStartToken):
        return list(_block_items(tokens, begin + 1, depth + 1))
    # A list may stand as deep as its key, and then nothing opens it.
    return list(_block_items(tokens, begin, depth)) if isinstance(opening, yaml.BlockEntryToken) else []


def _is_ingress(tokens: list[tuple[Any, int]], place: int) -> bool:
    (before, _), (name, depth), (after, _) = tokens[place - 1 : place + 2]
    return (
        isinstance(name, yaml.ScalarToken)
        and (name.value, depth) == (_INGRESS, 1)
        and isinstance(before, yaml.KeyToken)
        and isinstance(after, yaml.ValueToken)
    )


def _block_items(tokens: list[tuple[Any, int]], begin: int, depth: int) -> Iterator[_Item]:
    start = begin
    for place in range(begin + 1, len(tokens)):
        token, here = tokens[place]
        ends = here < depth or (here == depth and isinstance(token, yaml.KeyToken))
        if ends or (here == depth and isinstance(token, yaml.BlockEntryToken)):
            dash = tokens[start][0].start_mark
            yield _Item(dash.index, _end(tokens[start:place]), _end(tokens[:start]), dash.column)
            start = place
        if ends:
            return


def _flow_items(tokens: list[tuple[Any, int]], begin: int, depth: int) -> Iterator[_Item]:
    start = begin
    for place in range(begin, len(tokens)):
        token, here = tokens[place]
        ends = here < depth
        if ends or (here == depth and isinstance(token, yaml.FlowEntryToken)):
            if place > start:
                yield _Item(tokens[start][0].start_mark.index, _end(tokens[start:place]), _end(tokens[:start]), -1)
            start = place + 1
        if ends:
            return


def _end(tokens: list[tuple[Any, int]]) -> int:
    return int(next(token.end_mark.index for token, _ in reversed(tokens) if not isinstance(token, _EMPTY)))


def _line_end(text: str, at: int) -> int:
    """Where the line ends that ends at or after a place; of a block scalar it has ended there."""
    if text[at - 1] in _BREAKS:
        return at
    found = _BREAK.search(text, at)
    return found.end() if found else len(text)


def _lines(rule: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in rule.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)


def plain(rule: Rule) -> str:
    """Write a rule for a document whose style is unknown."""
    return "".join(f"{'  ' if number else '- '}{line}\n" for number, line in enumerate(_lines(rule, "")))


def _flow(rule: Rule) -> str:
    return json.dumps(rule, ensure_ascii=False)


def as_read(value: Any) -> Any:
    """Return a value as it is read: all of it text."""
    if isinstance(value, Mapping):
        return {name: as_read(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_read(each) for each in value]
    return value if isinstance(value, str | None) else json.dumps(value)
