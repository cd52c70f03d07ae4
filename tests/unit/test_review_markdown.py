"""Untrusted text stays text: held against a parser of Markdown."""

import html
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from review.markdown import code, details, fence
from text.visible import visible, visible_lines

PARSER = MarkdownIt("commonmark").enable("table")
# What is likely to break out, and anything else.
NASTY = st.text(alphabet=st.sampled_from("`~@#|<>!-[](){}*_\\\n\r\t &\u202e\u2028\0a")) | st.text()


def inline(markdown: str) -> list[Token]:
    return [child for token in PARSER.parse(markdown) for child in token.children or ()]


def tokens(markdown: str) -> Iterator[Token]:
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def as_shown(text: str) -> str:
    return visible(" ".join(text.split())).replace("|", "¦")


@given(NASTY)
@example("`")
@example("``a` b```")
@example("<!-- @somebody -->")
@example("a\\")
def test_a_span_is_one_span_of_code(text: str) -> None:
    (token,) = inline(f"- {code(text)}")
    assert token.type == "code_inline"
    assert token.content.strip() == as_shown(text)[:2000].strip()


@given(NASTY, NASTY)
@example("a | b", "`|`")
def test_a_span_stays_in_its_cell(one: str, other: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {code(one)} | {code(other)} |"
    types = [token.type for token in tokens(table)]
    assert types.count("td_open") == 2
    assert [token.content.strip() for token in inline(table) if token.type == "code_inline"] == [
        as_shown(one).strip(), as_shown(other).strip(),
    ]  # fmt: skip


@given(NASTY)
@example("```\n@somebody")
@example("  ````\n</details>")
def test_a_fence_holds(text: str) -> None:
    (token,) = PARSER.parse(fence(text, "diff"))
    assert (token.type, token.info) == ("fence", "diff")
    assert token.content.removesuffix("\n").split("\n") == visible_lines(text).split("\n")


@given(NASTY, NASTY)
@example("</code></summary>@somebody", "</details>")
def test_a_summary_is_closed_where_we_close_it(summary: str, text: str) -> None:
    opening, held, closing = PARSER.parse(details(summary, fence(text)))
    shown = html.escape(visible(" ".join(summary.split())))
    assert opening.content == f"<details><summary><code>{shown}</code></summary>\n"
    assert (held.type, closing.content.strip()) == ("fence", "</details>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u{202e}b"),
        ("\u200b", "\\u{200b}"),
        ("\x1b[31m", "\\u{1b}[31m"),
        ("grün 漢字 🎉", "grün 漢字 🎉"),
    ],
)
def test_invisible_characters_are_spelt_out(text: str, shown: str) -> None:
    assert code(text) == f"`{shown}`"


def test_a_long_text_is_cut() -> None:
    assert len(code("a" * 3000)) == 2003
