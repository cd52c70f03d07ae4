"""Where rules of ours stand in a tunnel's list of ingress rules, which is mostly other people's. Pure.

cloudflared takes the first rule that matches (source: cloudflared, ingress/ingress.go and ingress/rule.go): an empty
host name and `*` match every host, `*.example.com` each one below it at any depth; a path is a regular expression that
may match anywhere; and a rule that matches everything is allowed only at the end, and needed there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

Rule = Mapping[str, Any]
# Host name and path; empty where the rule has none.
Key = tuple[str, str]

_EVERY_HOST = ("", "*")


def key(rule: Rule) -> Key:
    """Tell a rule from the others of its tunnel."""
    return str(rule.get("hostname") or ""), str(rule.get("path") or "")


def spoken(rule: Rule) -> str:
    """Name a rule as people do."""
    hostname, path = key(rule)
    return f"{hostname or '*'}{f' (path {path})' if path else ''} → {rule.get('service')}"


def is_same(rule: Rule, wanted: Rule) -> bool:
    """Whether a rule says what is wanted, and nothing else."""
    further = {name: value for name, value in rule.items() if name not in wanted and name != "id"}
    return all(rule.get(name) == value for name, value in wanted.items()) and not any(further.values())


def overlap(one: Key, other: Key) -> bool:
    """Whether two stacks' rules would fight over requests: the same host, and not two different paths."""
    return one[0] == other[0] and (one[1] == other[1] or not one[1] or not other[1])


def fault(ingress: Sequence[Rule]) -> str:
    """Say what is wrong with a list before anything of ours is in it; empty when nothing is."""
    *before, last = [_is_catch_all(rule) for rule in ingress] or [False]
    if not last:
        return "does not end in a rule for all other requests (a catch-all, such as http_status:404)"
    if any(before):
        return "has a rule for all requests (a catch-all) before its last rule, which cloudflared does not take"
    return ""


def _is_catch_all(rule: Rule) -> bool:
    hostname, path = key(rule)
    return hostname in _EVERY_HOST and not path


def covers(rule: Rule, hostname: str) -> bool:
    """Whether a rule takes requests for a host, whatever their path: then it must not stand before ours."""
    pattern, _ = key(rule)
    return any(
        form in (*_EVERY_HOST, hostname) or (form.startswith("*.") and hostname.endswith(form[1:]))
        for form in (pattern, _punycode(pattern))
    )


def _punycode(pattern: str) -> str:
    try:
        return pattern.encode("idna").decode()
    except UnicodeError:
        return pattern


class Places:
    """Our rules in one list: which they are, what is in their way, and the list as it should be."""

    def __init__(
        self, ingress: Sequence[Rule], wanted: Sequence[Rule], owned: Collection[Key], siblings: Collection[Key] = ()
    ) -> None:
        """Find our rules.

        Args:
            ingress: the list as it is, without `fault`.
            wanted: our rules, in the order that they should have among themselves.
            owned: keys that are known to be ours.
            siblings: keys of other stacks, whose rules take none of our requests.

        """
        self._ingress, self._wanted, self._siblings = ingress, wanted, siblings
        # What says exactly what we want is ours: it was written, and that not yet noted down.
        written = {key(rule): place for place, rule in _backwards(ingress) if any(is_same(rule, w) for w in wanted)}
        by_key = {key(rule): place for place, rule in _backwards(ingress) if key(rule) in owned}
        self._ours = {**by_key, **written}.values()

    @property
    def ours(self) -> list[Rule]:
        """Our rules as they are."""
        return [self._ingress[place] for place in sorted(self._ours)]

    @property
    def others(self) -> list[Rule]:
        """Everybody else's."""
        return [rule for place, rule in enumerate(self._ingress) if place not in self._ours]

    @property
    def strangers(self) -> list[Rule]:
        """Rules for our hosts that neither we nor another stack made."""
        hosts = {hostname for hostname, _ in map(key, self._wanted)}
        return [rule for rule in self.others if key(rule)[0] in hosts and key(rule) not in self._siblings]

    @property
    def covering(self) -> list[Rule]:
        """Rules that stand before one of ours and take its requests."""
        return [
            rule
            for place, rule in enumerate(self._ingress)
            if place not in self._ours
            and any(place < own and self._is_in_the_way(rule, self._ingress[own]) for own in self._ours)
        ]

    def in_line(self, wanted: Rule) -> list[Rule]:
        """List the others' rules that would take one of our rules' requests, to the first that takes them all."""
        waiting = [rule for rule in self.others if self._is_in_the_way(rule, wanted)]
        last = next(place for place, rule in enumerate(waiting) if not key(rule)[1])
        return waiting[: last + 1]

    def settled(self) -> list[Rule]:
        """Build the list as it should be: unchanged if it is so already, and the others in their order always."""
        have, want = (sorted(rules, key=_hostname) for rules in (self.ours, self._wanted))
        stands = len(have) == len(want) and all(map(is_same, have, want))
        if stands and not self.covering:
            return list(self._ingress)
        lines = [self._line(wanted) for wanted in self._wanted]
        return [
            rule
            for place, other in enumerate(self.others)
            for rule in (*(w for w, line in zip(self._wanted, lines, strict=True) if line == place), other)
        ]

    def _line(self, wanted: Rule) -> int:
        return next(place for place, rule in enumerate(self.others) if self._is_in_the_way(rule, wanted))

    def _is_in_the_way(self, rule: Rule, wanted: Rule) -> bool:
        return covers(rule, _hostname(wanted)) and key(rule) not in self._siblings


def _hostname(rule: Rule) -> str:
    return key(rule)[0]


def _backwards(ingress: Sequence[Rule]) -> Iterator[tuple[int, Rule]]:
    """Last first, so that of several with one key the first is kept."""
    return reversed(list(enumerate(ingress)))
