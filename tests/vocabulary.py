"""`make check` holds what people read against one vocabulary: docs, messages, docstrings, comments, names of tests.

Vale would take such a vocabulary; its wrapper on PyPI fetches a program from elsewhere, and its own build needs C.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What is not written, as a regular expression without regard to case, and what is written in its place.
WORDS = {
    r"somebody( else)?('s)?|anybody( else)?('s)?|stranger('s)?": "unmanaged; owned by <field manager>; another tool",
    r"anew": "again; recreated",
    r"in words": "reports; explains; as text",
    r"g(a|i)ven? back|gives? back|giv(e|ing) back|puts? back|putting back": "restored; relinquished",
    r"(taken?|takes?|took|taking|take-)[ -]?over": "adopted",
    r"as (it|they) (was|were) found": "as it was before; unchanged",
    r"ways? in": "public access; ingress path; route",
    r"(is|are|be|of|parts?|entries|what is) ours|from head to foot": "managed by this stack; owned fields",
    r"nobody(?!:)('s)?|nobod(ys|ies)": "unknown; not configured; unmanaged; no other client",
    r"can(no|')t be had": "not available; cannot be applied, because ...",
    r"(is|are|was|be|stays?|turns|goes) (red|green)|red at preview": "fails; passes",
    r"pass(es)? over": "skips; excludes; ignores",
    r"for ever": "forever",
    r"none such": "no such ...",
    r"(is|are) not theirs|(is|are) theirs": "is unmanaged; stays with its owner",
    r"(is|was|be|are) said|it is told": "is reported; gets",
    r"last words": "last output",
    r"by experience": "usually",
    r"in the words of|in (so many|its own|\w+'s( own)?) words": "as ... reports it; explicitly",
    r"of yesterday": "outdated",
    r"(goes|go) on from (here|there)": "continues from ...",
}
_WORDS = re.compile("|".join(rf"(?P<w{n}>\b({word})\b)" for n, word in enumerate(WORDS)), re.IGNORECASE)
_WRITTEN = {".md", ".py", ".sh", ".yaml"}
_CODE = {tokenize.NAME, tokenize.OP, tokenize.NUMBER}


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that people read, by their number: of Python comments and strings; what tests feed is data."""
    text = file.read_text()
    if file.suffix != ".py":
        yield from enumerate(text.splitlines(), start=1)
        return
    tested = "tests" in file.relative_to(ROOT).parts
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string.startswith("test_"):  # in a list of failures
            yield token.start[0], token.string.replace("_", " ")
        is_data = tested and not token.string.startswith(("#", '"""'))
        if token.type not in _CODE and not is_data:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


def findings(file: Path) -> Iterator[str]:
    """What a file says in other words than the vocabulary's."""
    for number, line in prose(file):
        for found in _WORDS.finditer(line):
            instead = list(WORDS.values())[int((found.lastgroup or "w0")[1:])]
            yield f'{file.relative_to(ROOT)}:{number}: "{found[0]}": {instead}'


def files() -> Iterator[Path]:
    """All that is written here; folders whose name begins with a point are not, but for GitHub's."""
    for folder in (ROOT, *(one for one in ROOT.iterdir() if one.is_dir() and one.name[0] != ".")):
        depth = "*" if folder == ROOT else "**/*"
        yield from (one for one in folder.glob(depth) if one.suffix in _WRITTEN)
    yield from (ROOT / "Makefile", *ROOT.glob(".github/**/*.y*ml"), *ROOT.glob("tests/golden/*.txt"))


def main() -> None:
    """Fail with each finding on a line."""
    found = [one for file in files() if file != Path(__file__) for one in findings(file)]
    sys.exit("\n".join(found) or None)


if __name__ == "__main__":
    main()
