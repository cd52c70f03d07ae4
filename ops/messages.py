"""docs/messages.md: what each package says, by its code. A word is changed where it is worded: `make messages`."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import clients.wording
import preflight.wording
from text.finding import Situation, cell, shown

FILE = Path(__file__).parent.parent / "docs" / "messages.md"
# The packages' words, and when they are read.
PACKAGES: dict[str, ModuleType] = {
    "`make preview` and `make up`, before anything is changed": preflight.wording,
    "the same, of entries, libraries and rules beside those of others": clients.wording,
}

_HEAD = """\
# Messages

Each with its code, which does not change where the words do. In angle brackets is what differs from stack to stack.
A problem stops `up`; a warning and news do not. Made of the code (`make messages`).
"""


def situations(module: ModuleType) -> list[Situation]:
    """List a package's situations, in the order of its file."""
    return [one for one in vars(module).values() if isinstance(one, Situation)]


def text() -> str:
    """Render the committed file."""
    return "\n".join([_HEAD, *(line for words, module in PACKAGES.items() for line in _section(words, module))])


def _section(words: str, module: ModuleType) -> Iterator[str]:
    yield f"## {words[0].upper()}{words[1:]}\n"
    yield "| code | severity | message |"
    yield "| --- | --- | --- |"
    for one in situations(module):
        message = ". ".join(shown(part, one.setting) for part in (one.text, one.remedy) if part)
        yield f"| {one.code} | {one.severity} | {cell(message)} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(text())
