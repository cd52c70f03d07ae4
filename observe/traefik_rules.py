"""The rules of Traefik's own routes, of its versions 2 and 3: which hosts and paths they are for."""

import re
from collections.abc import Iterable
from typing import Final

from clients.go_regexp import is_valid
from text.hostname import normal

_TEXT: Final = r"""(?:`[^`]*`|"[^"]*"|'[^']*')"""
_MATCHER: Final = re.compile(
    rf"\b(Host(?:Header|SNI)?(?:Regexp)?)\s*\(\s*({_TEXT}(?:\s*,\s*{_TEXT})*)\s*\)", re.IGNORECASE
)  # fmt: skip
# What a rule is not for: a matcher, or a group of them, behind an exclamation mark.
_NEGATED: Final = re.compile(rf"!\s*\w*\s*\((?:[^()`\"']|{_TEXT}|\((?:[^()`\"']|{_TEXT})*\))*\)")
# Of Traefik 2: a text with named regular expressions in it.
_NAMED: Final = re.compile(r"\{[A-Za-z]\w*:((?:[^{}]|\{[^{}]*\})*)\}")
# Flags that change nothing here: a host is compared whatever its case, and has one line.
_FLAGS: Final = re.compile(r"\(\?[imsU]+\)")
_REPEATED_GROUP: Final = re.compile(r"\)[*+{]")
_REPETITION: Final = re.compile(r"[*+{]|(?<!\()\?")
_MOST_REPETITIONS: Final = 3
_PATH: Final = r"\bPath(?:Prefix)?\s*\(\s*{}\s*\)"
_PATHS: Final = re.compile(_PATH.format(f"({_TEXT})"), re.IGNORECASE)
# Alternatives of nothing but paths.
_ANY_PATH: Final = re.compile(rf"\(\s*{_PATH.format(_TEXT)}(?:\s*\|\|\s*{_PATH.format(_TEXT)})*\s*\)", re.IGNORECASE)


def hosts(rules: Iterable[str]) -> tuple[list[str], list[str]]:
    """List the hosts that rules name, and the regular expressions of others.

    Of HostSNI(`*`), which stands for protocols without hosts, nothing is listed.
    """
    names, expressions = list[str](), list[str]()
    for rule in rules:
        for matcher, stated in _MATCHER.findall(_NEGATED.sub("", rule)):
            into = expressions if matcher.lower().endswith("regexp") else names
            into += [one[1:-1] for one in re.findall(_TEXT, stated)]
    return [normal(one) for one in names if "*" not in one], expressions


def paths(rule: str) -> list[str]:
    """List the paths that a rule is for; one that combines them otherwise is taken for all of its hosts."""
    if "||" in _ANY_PATH.sub("", rule) or "!" in rule:
        return ["/"]
    return [one[1:-1] for one in _PATHS.findall(rule)] or ["/"]


def matches(expression: str, host: str) -> bool:
    """Whether a regular expression matches a host, or may: what Python reads otherwise, or slowly, is open."""
    parts = _NAMED.split(expression)  # texts and expressions by turns
    named = "".join(f"(?:{one})" if number % 2 else re.escape(one) for number, one in enumerate(parts))
    whole = _FLAGS.sub("", f"^{named}$" if len(parts) > 1 else expression)
    valid = is_valid(whole)
    if valid is None or (valid and _is_costly(whole)):
        return True
    return valid and bool(re.search(whole, normal(host), re.IGNORECASE))


def _is_costly(expression: str) -> bool:
    """Whether Python may take forever for what Go reads in one pass."""
    return bool(_REPEATED_GROUP.search(expression)) or len(_REPETITION.findall(expression)) > _MOST_REPETITIONS
