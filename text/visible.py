"""Untrusted text, as a person may see it: nothing in it commands a terminal or turns a line around."""

import unicodedata
from typing import Final

# Controls, invisible formatting (which can turn a line around), unassigned and private characters, other line ends.
_UNSEEN: Final = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def visible(line: str) -> str:
    """Spell out invisible characters in a line, but for tabs."""
    if line.isprintable():  # as nearly all are
        return line
    return "".join(f"\\u{{{ord(one):x}}}" if _is_unseen(one) else one for one in line)


def visible_lines(text: str) -> str:
    """Spell out invisible characters, but for tabs and the ends of lines."""
    return "\n".join(map(visible, text.replace("\r\n", "\n").split("\n")))


def visible_sentence(text: str) -> str:
    """Spell out invisible characters, on one line."""
    return visible(" ".join(line.strip() for line in text.split("\n")))


def _is_unseen(one: str) -> bool:
    return unicodedata.category(one) in _UNSEEN and one != "\t"


class VisibleError(Exception):
    """An error whose `str()` a person reads, whoever wrote parts of it.

    Attributes:
        secret: the key of the secret setting that has to be stored again; empty where none has.

    """

    def __init__(self, text: object = "", *, secret: str = "") -> None:
        self.secret = secret
        super().__init__(visible_lines(str(text)))
