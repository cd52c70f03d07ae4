"""Where rules of this stack stand in a tunnel's list of ingress rules, most of which are unmanaged. Pure.

cloudflared takes the first rule that matches (source: cloudflared, ingress/ingress.go and ingress/rule.go): an empty
host name and `*` match every host, `*.example.com` each one below it at any depth; a path is a regular expression that
may match anywhere; and a rule that matches everything is allowed only at the end, and needed there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import idna

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
    return all(_says(rule.get(name), value) for name, value in wanted.items()) and not any(further.values())


def _says(value: object, wanted: object) -> bool:
    # Of a mapping, Cloudflare may state defaults that were not configured.
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return is_same(value, wanted)
    return value == wanted


@cache
def _forms(pattern: str) -> tuple[str, ...]:
    """A rule's host name as cloudflared compares it: as written, and in punycode where that can be had.

    A wildcard has no such form, and an upper-case one never matches: `*` is no letter of a name (source: cloudflared,
    ingress/ingress.go, idna.Lookup).
    """
    try:
        return pattern, idna.encode(pattern, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        return (pattern,)


def overlap(one: Key, other: Key) -> bool:
    """Whether two stacks' rules would fight over requests: the same host, and not two different paths."""
    return one[0] == other[0] and (one[1] == other[1] or not one[1] or not other[1])


def fault(ingress: Sequence[Rule]) -> str:
    """Say what is wrong with a list before anything of this stack is in it; empty when nothing is."""
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
    wide = pattern in _EVERY_HOST or (pattern.startswith("*.") and hostname.endswith(pattern[1:]))
    return wide or hostname in _forms(pattern)


def taking(rules: Sequence[Rule], hostname: str) -> list[Rule]:
    """List the rules that take a host's requests, to the first that takes all that are left."""
    waiting = [rule for rule in rules if covers(rule, hostname)]
    last = next((place for place, rule in enumerate(waiting) if not key(rule)[1]), len(waiting) - 1)
    return waiting[: last + 1]


def shuts_out(wanted: Rule, rule: Rule) -> bool:
    """Whether one rule, put first, leaves another one for the same host without a request."""
    (hostname, path), (other, further) = key(wanted), key(rule)
    return hostname in _forms(other) and path in ("", further)


@dataclass(frozen=True)
class Places:
    """Our rules in one list: which they are, what is in their way, and the list as it should be.

    Attributes:
        ingress: the list as it is, without `fault`; with one, only what adds no rule can be asked.
        wanted: our rules, in the order that they should have among themselves.
        owned: keys that are known to be this stack's, and no sibling's.
        siblings: keys of other stacks, whose rules take none of our requests.
        returning: rules that this stack adopted, and restores.
        adopt: whether unmanaged rules are adopted.

    """

    ingress: Sequence[Rule]
    wanted: Sequence[Rule]
    owned: Collection[Key] = ()
    siblings: Collection[Key] = ()
    returning: Sequence[Rule] = ()
    adopt: bool = False

    @property
    def ours(self) -> list[Rule]:
        """This stack's rules as they are."""
        return [self.ingress[place] for place in sorted(self._ours)]

    @property
    def strangers(self) -> list[Rule]:
        """Unmanaged rules that would get no requests behind this stack's."""
        return [] if self.adopt else [self.ingress[place] for place in self._shut_out]

    @property
    def adopted(self) -> list[Rule]:
        """The unmanaged rules that are adopted; of several with one key the first, since only that one got requests."""
        rules = [self.ingress[place] for place in self._shut_out] if self.adopt else []
        return [rule for number, rule in enumerate(rules) if key(rule) not in map(key, rules[:number])]

    @property
    def covering(self) -> list[Rule]:
        """Rules that stand before one of this stack's and take its requests."""
        ours = [(place, _hostname(self.ingress[place])) for place in self._ours]
        return [
            rule
            for place, rule in enumerate(self.ingress)
            if any(place < own and self._is_in_the_way(place, hostname) for own, hostname in ours)
        ]

    def in_line(self, wanted: Rule) -> list[Rule]:
        """List the unmanaged rules that would take requests of this stack's, up to the first that takes all."""
        places = range(len(self.ingress))
        waiting = [self.ingress[place] for place in places if self._is_in_the_way(place, _hostname(wanted))]
        last = next(place for place, rule in enumerate(waiting) if not key(rule)[1])
        return waiting[: last + 1]

    def settled(self) -> list[Rule]:
        """Build the list as it should be: unchanged if it is so already, and the others in their order always."""
        right: dict[int, Rule] = {}
        waiting: list[tuple[int, Rule]] = []
        for hostname in dict.fromkeys(map(_hostname, self._stated)):
            have = [place for place in sorted(self._ours) if _hostname(self.ingress[place]) == hostname]
            want = [rule for rule in self._stated if _hostname(rule) == hostname]
            line = next(place for place, rule in enumerate(self.ingress) if self._is_in_the_way(place, hostname))
            if len(have) == len(want) and have[-1] < line:
                right |= zip(have, want, strict=True)
            else:
                waiting += [(line, rule) for rule in want]
        settled: list[Rule] = []
        for place, there in enumerate(self.ingress):
            settled += [rule for line, rule in waiting if line == place]
            if place not in self._ours or (place in right and is_same(there, right[place])):
                settled.append(there)
            elif place in right:
                settled.append(right[place])
        return settled

    @cached_property
    def _stated(self) -> list[Rule]:
        return [*self.wanted, *(rule for rule in self.returning if key(rule) not in self.siblings)]

    @cached_property
    def _made(self) -> frozenset[int]:
        """The places of this stack's rules."""
        # A rule is noted down before it is written: one that only looks like this stack's is unmanaged.
        owned = {place for place, rule in enumerate(self.ingress) if key(rule) in self.owned}
        right = {place for place in owned if any(is_same(self.ingress[place], one) for one in self._stated)}
        keys = {key(self.ingress[place]) for place in right}
        first = {key(self.ingress[place]): place for place in sorted(owned, reverse=True)}
        return frozenset(right | {place for own, place in first.items() if own not in keys})

    @cached_property
    def _shut_out(self) -> list[int]:
        return [
            place
            for place, rule in enumerate(self.ingress)
            if place not in self._made
            and key(rule) not in self.siblings
            and any(shuts_out(one, rule) for one in self.wanted)
        ]

    @cached_property
    def _ours(self) -> frozenset[int]:
        return self._made.union(self._shut_out if self.adopt else ())

    def _is_in_the_way(self, place: int, hostname: str) -> bool:
        rule = self.ingress[place]
        return place not in self._ours and key(rule) not in self.siblings and covers(rule, hostname)


def _hostname(rule: Rule) -> str:
    """A rule's host as requests name it."""
    return _forms(key(rule)[0])[-1]
