"""Exclusion patterns, as picomatch reads them: whole paths, of which `**` spans folders and `*` does not."""

import re
from functools import cache

_SPECIAL = re.compile(r"(\*\*/|\*\*|\*|\?|{[^{}]*}|\[[^]]+])")
_PLAIN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern is for a path, in capitals or not."""
    return re.fullmatch(_translated(pattern), path, re.IGNORECASE) is not None


@cache
def _translated(pattern: str) -> str:
    return "".join(_part(part) for part in _SPECIAL.split(pattern))


def _part(part: str) -> str:
    if part in _PLAIN:
        return _PLAIN[part]
    if part[:1] == "{":
        return f"(?:{'|'.join(_translated(choice) for choice in part[1:-1].split(','))})"
    if part[:1] == "[":
        return part.replace("[!", "[^")
    return re.escape(part)
