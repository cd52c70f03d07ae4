"""A model of how cloudflared finds the rule of a request."""

import re
from collections.abc import Sequence

import idna

from clients.ingress_rules import Rule


def answering(ingress: Sequence[Rule], host: str, path: str) -> Rule:
    """The rule that cloudflared takes (source: FindMatchingRule, Rule.Matches and matchHost in its ingress package)."""
    return next(rule for rule in ingress if _matches(rule, host, path))


def _matches(rule: Rule, host: str, path: str) -> bool:
    pattern, expression = rule.get("hostname") or "", rule.get("path") or ""
    by_host = pattern in {"", "*"} or any(_matches_host(form, host) for form in (pattern, _punycode(pattern)))
    return by_host and bool(re.search(expression, path))


def _matches_host(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _punycode(pattern: str) -> str:
    """Go's idna.Lookup.ToASCII, which takes no `*` and no `_`."""
    try:
        return idna.encode(pattern, uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        return pattern
