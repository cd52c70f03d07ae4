"""Untrusted text, for a console of rich's."""

from rich import markup

from text.visible import visible_lines


def escape(text: str) -> str:
    """Write a text so that it commands neither the console nor the terminal."""
    return markup.escape(visible_lines(text))
