"""Markdown in which no untrusted text can become markup, a mention or a link.

All of it goes into code: a span or a fence. GitHub looks for mentions, references and links outside of code only
(source: GitHub's "Basic writing and formatting syntax" and the GitHub Flavored Markdown specification, 6.1 and 4.5).
"""

import html
import re
from typing import Final

from text.visible import visible, visible_lines

_LONGEST: Final = 2000  # characters of one span


def code(text: str) -> str:
    """Write a text as a code span, on one line."""
    line = visible(" ".join(text.split()))
    if len(line) > _LONGEST:
        line = f"{line[:_LONGEST]}…"
    # A table's cell ends at a bar, in code, too.
    line = line.replace("|", "¦")
    ticks = "`" * (_longest_run(line) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{padding}{line}{padding}{ticks}" if line else "``  ``"


def fence(text: str, language: str = "") -> str:
    """Write lines as a fenced code block."""
    lines = visible_lines(text)
    ticks = "`" * max(3, _longest_run(lines) + 1)
    return f"{ticks}{language}\n{lines}\n{ticks}"


def details(summary: str, content: str) -> str:
    """Write what is shown when someone opens it; `content` is Markdown, `summary` any text."""
    shown = html.escape(visible(" ".join(summary.split())))
    return f"<details><summary><code>{shown}</code></summary>\n\n{content}\n\n</details>"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
