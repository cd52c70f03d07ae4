"""The comment on a pull request: what is refused first, then what is wrong, then all that would change."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

from engine import change_policy
from engine.change_policy import RefusedChange
from engine.run import Run, Step
from review.markdown import code, details, fence
from text.visible import visible

# GitHub's is 65,536 characters; counted in bytes, no other way of counting gives more.
LIMIT: Final = 65_536
_OURS: Final = 60_000  # bytes: what goes on behalf of a fork is told so at its top
_ENDING: Final = 1_000  # bytes that are kept for the ending
_PATHS: Final = 6  # that a row of the table names
# Of a replacement the engine tells three steps: this module shows the one that has both sides.
_PARTS: Final = {"create-replacement", "delete-replaced"}
_ORDER: Final = ("replace", "delete", "retain", "update", "create", "import")
_WORDS: Final = {"retain": "forget, and keep"}
_LETS_PASS: Final = (
    f"What lets it pass: the label {code(change_policy.LABEL)}, or {code(f'ARGS={change_policy.ALLOWED}')} at home."
)
_UNGUARDED: Final = "What the change started from was not deployed: the change policy had nothing to compare with."
_ENDS: Final = {"replace": "is replaced", "delete": "is deleted"}

Kind = Literal["rehearsal", "preview"]


@dataclass(frozen=True)
class Review:
    """What was found out about a change.

    Attributes:
        stack: the stack.
        kind: how it was found out.
        command: how to see the same at home.
        notes: what has to be known to read it, one Markdown sentence each; what is not ours in them is code.
        problems: why there is no preview, one sentence each.
        preview: the preview; None when there is none.
        deployed: the rehearsed deployment; None when there is none.
        allowed: whether what the change policy refuses is let pass.
        unguarded: whether they had nothing to compare with, as what the change started from was not deployed.

    """

    stack: str
    kind: Kind
    command: str
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    preview: Run | None = None
    deployed: Run | None = None
    allowed: bool = False
    unguarded: bool = False

    @property
    def refused(self) -> list[RefusedChange]:
        """What the change policy refuses, allowed or not."""
        return change_policy.tripped(self.preview.steps) if self.preview else []

    @property
    def errors(self) -> list[str]:
        """What is wrong, a text each."""
        runs = [run for run in (self.preview, self.deployed) if run]
        every = [*self.problems, *(error for run in runs for error in run.errors)]
        return list(dict.fromkeys(every))

    @property
    def passes(self) -> bool:
        """Whether the change may go on."""
        runs = [run for run in (self.preview, self.deployed) if run]
        guarded = self.allowed or not (self.refused or self.unguarded)
        return not self.problems and all(run.succeeded for run in runs) and guarded


_TITLES: Final[dict[Kind, str]] = {
    "rehearsal": "a rehearsal, without its cluster",
    "preview": "a preview, of its cluster as it is",
}


def marker(stack: str) -> str:
    """Write the comment's first line, an invisible marker by which it is found again."""
    return f"<!-- immich-icloud review: {stack} -->"


MARKER: Final = re.compile(r"<!-- immich-icloud review: [A-Za-z0-9_.-]+ -->")


def write(review: Review, limit: int = _OURS) -> str:
    """Write the comment, in at most `limit` bytes."""
    page = _Page(limit - _ENDING)
    page.add(marker(review.stack))
    page.add(f"## {code(review.stack)}: {_TITLES[review.kind]}")
    for paragraph in (_verdict(review), *review.notes):
        page.add(paragraph)
    page.list("Allowed, although it could lose data" if review.allowed else "Refused", _refused(review))
    page.list("Errors", _texts(review.errors))
    page.list("Warnings", _texts(review.preview.warnings if review.preview else ()))
    steps = sorted(_shown(review.preview), key=_place)
    page.list(
        "Replaced or deleted",
        (f"- {code(step.title)} {_ENDS[step.operation]}" for step in steps if step.operation in _ENDS),
    )
    page.table("Changes", "| | resource | what differs |\n| --- | --- | --- |", map(_row, steps))
    page.open("Manifests", map(_difference, steps))
    page.close(f"The same at home: {code(review.command)}")
    return page.text


def _verdict(review: Review) -> str:
    changed = len(_shown(review.preview))
    count = "1 resource changes" if changed == 1 else f"{changed} resources change"
    if review.refused and not review.allowed:
        return f"**Refused**: this change could lose data or cut off access. {count}."
    if review.unguarded and review.preview and review.preview.succeeded and not review.allowed:
        return f"**It fails.** {_UNGUARDED} {count}. {_LETS_PASS}"
    if not review.passes:
        return "**It fails.** " + ("Nothing would be deployed." if not review.deployed else "The deployment fails.")
    if review.preview is None:
        return "**Nothing that is deployed changes.**"
    if review.unguarded:
        return f"**It passes**, as that is allowed. {_UNGUARDED} {count}."
    return f"**It passes.** {count}." if changed else "**It passes**, and changes no resource."


def _refused(review: Review) -> Iterator[str]:
    for one in review.refused:
        yield f"- {code(one.step.title)} would be {one.happens}. {one.rule.reason}"
    if review.refused and not review.allowed:
        yield f"\n{_LETS_PASS}"


def _texts(texts: Iterable[str]) -> Iterator[str]:
    """Each line of each text as an item; those that a text lists, below its first."""
    for text in texts:
        for line in filter(None, (line.rstrip() for line in text.splitlines())):
            listed = line.startswith((" ", "- "))
            yield f"{'  ' if listed else ''}- {code(line.lstrip().removeprefix('- '))}"


def _shown(run: Run | None) -> list[Step]:
    return [step for step in run.changed if step.operation not in _PARTS] if run else []


def _place(step: Step) -> tuple[int, str]:
    order = _ORDER.index(step.operation) if step.operation in _ORDER else len(_ORDER)
    return order, step.title


def _row(step: Step) -> str:
    paths = list(step.differences)
    named = ", ".join(map(code, paths[:_PATHS]))
    more = f" and {len(paths) - _PATHS} more" if len(paths) > _PATHS else ""
    return f"| {_WORDS.get(step.operation, step.operation)} | {code(step.title)} | {named}{more} |"


def _difference(step: Step) -> tuple[str, list[str]]:
    """A title, and the lines of the difference."""
    before, after = _lines(step.before), _lines(step.after)
    if step.operation in {"delete", "retain"}:
        after = []
    lines = [*difflib.unified_diff(before, after, lineterm="", n=3)][2:]
    return f"{step.operation} {step.title}", [visible(line) for line in lines if line]


def _lines(inputs: Any) -> list[str]:
    if not inputs:
        return []
    text = yaml.dump(inputs, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, width=2**20)
    return str(text).splitlines()


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as such: scripts can be read."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


@dataclass
class _Page:
    """Text that ends before its limit, and says what it leaves out."""

    limit: int  # bytes
    blocks: list[str] = field(default_factory=list)
    size: int = 0

    @property
    def text(self) -> str:
        return "\n\n".join(self.blocks) + "\n"

    def add(self, block: str) -> bool:
        """Add a block if it fits."""
        size = _size(block) + 2
        if self.size + size > self.limit:
            return False
        self.blocks.append(block)
        self.size += size
        return True

    def close(self, block: str) -> None:
        """Add the last block, for which there is room."""
        self.blocks.append(block)

    def list(self, title: str, items: Iterable[str]) -> None:
        self.table(title, "", items)

    def table(self, title: str, head: str, rows: Iterable[str]) -> None:
        """Add a titled block of lines, as many as fit into half of what is left; nothing where there are none."""
        kept, left = list(rows), (self.limit - self.size) // 2
        if not kept:
            return
        count = _fitting(kept, left)
        left_out = f"\n\n{len(kept) - count} more: there is no room for them here." if count < len(kept) else ""
        lines = [f"### {title}\n", *filter(None, [head]), *kept[:count]]
        self.add("\n".join(lines) + left_out)

    def open(self, title: str, differences: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Add differences that open by a click, as many as fit; the last one may be cut."""
        every = [(name, lines) for name, lines in differences if lines]
        if every:
            self.add(f"### {title}")
        for place, (name, lines) in enumerate(every):
            if self.add(details(name, fence("\n".join(lines), "diff"))):
                continue
            self._cut(name, lines)
            if rest := len(every) - place - 1:
                self.close(f"{rest} more: there is no room for them here.")
            return

    def _cut(self, name: str, lines: Sequence[str]) -> None:
        count = _fitting(lines, self.limit - self.size - _ENDING)
        cut = fence("\n".join(lines[:count]), "diff")
        self.add(details(name, f"{cut}\n\n{len(lines) - count} more lines: there is no room for them here."))


def _fitting(lines: Sequence[str], limit: int) -> int:
    """Count how many of the lines fit into so many bytes."""
    size = 0
    for count, line in enumerate(lines):
        size += _size(line) + 1
        if size > limit:
            return count
    return len(lines)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
