"""Which hosts a route of any kind leads somewhere: by name, and by pattern."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from clients.kubernetes import Manifest
from text.hostname import is_wildcard_of, normal

_TEXT: Final = r"""(?:`[^`]*`|"[^"]*"|'[^']*')"""
_MATCHER: Final = re.compile(rf"\b(Host|HostRegexp)\s*\(\s*({_TEXT}(?:\s*,\s*{_TEXT})*)\s*\)", re.IGNORECASE)
# What a rule is not for: a matcher, or a group of them, behind an exclamation mark.
_NEGATED: Final = re.compile(rf"!\s*\w*\s*\((?:[^()`\"']|{_TEXT}|\((?:[^()`\"']|{_TEXT})*\))*\)")
# Of Traefik 2: a text with named regular expressions in it.
_NAMED: Final = re.compile(r"\{[A-Za-z]\w*:((?:[^{}]|\{[^{}]*\})*)\}")
# Further hosts of an Ingress, which ingress-nginx reads.
_ALIASES: Final = "nginx.ingress.kubernetes.io/server-alias"
# A route that is there until a certificate is issued, for one path.
_SOLVER: Final = "acme.cert-manager.io/http01-solver"


@dataclass(frozen=True)
class Hosts:
    """What a route leads somewhere, in the normal form.

    Attributes:
        names: hosts by their name.
        wildcards: those with `*` for one label.
        suffixes: those with `*` for any number of labels.
        expressions: regular expressions.

    """

    names: frozenset[str] = frozenset()
    wildcards: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()

    def pattern_of(self, host: str) -> str:
        """Return the pattern that takes a host in; empty where none does."""
        taken = (
            *(one for one in self.wildcards if is_wildcard_of(one, host)),
            *(one for one in self.suffixes if covers(one, host)),
            *(one for one in self.expressions if _matches(one, host)),
        )
        return next(iter(taken), "")


def hosts(route: Manifest, gateways: Iterable[Manifest] = ()) -> Hosts:
    """Tell them; an HTTPRoute without hosts of its own has those of its Gateways' listeners."""
    if _SOLVER in (route["metadata"].get("labels") or {}):
        return Hosts()
    spec = route.get("spec") or {}
    match route["kind"]:
        case "Ingress":
            aliases = (route["metadata"].get("annotations") or {}).get(_ALIASES, "").split(",")
            served = (*(rule.get("host", "") for rule in spec.get("rules") or ()), *aliases)
            stated = [normal(one.strip()) for one in served]
            return Hosts(names=_names(stated), wildcards=_patterns(stated))
        case "HTTPRoute":
            stated = list(_of_http_route(route, gateways))
            return Hosts(names=_names(stated), suffixes=_patterns(stated))
        case "IngressRoute":
            return _of_rules(rule.get("match", "") for rule in spec.get("routes") or ())
    return Hosts()


def covers(pattern: str | None, host: str) -> bool:
    """Whether a host of Gateway API takes another in: a wildcard stands for any number of labels, none for all."""
    if not pattern:
        return True
    wanted, listened = normal(host), normal(pattern)
    return wanted.endswith(listened[1:]) if listened.startswith("*.") else wanted == listened


def _names(stated: Iterable[str]) -> frozenset[str]:
    return frozenset(one for one in stated if one and "*" not in one)


def _patterns(stated: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for one in stated if "*" in one)


def _of_http_route(route: Manifest, gateways: Iterable[Manifest]) -> Iterator[str]:
    """Name its hosts as its listeners let them through: of two that overlap, the narrower one."""
    stated = list(map(normal, route["spec"].get("hostnames") or ()))
    yield from stated
    for listener in _listeners(route, list(gateways)):
        listened = normal(listener.get("hostname") or "")
        if listened and (not stated or any(covers(one, listened) for one in stated)):
            yield listened


def _listeners(route: Manifest, gateways: list[Manifest]) -> Iterator[Manifest]:
    for parent in route["spec"].get("parentRefs") or ():
        where = (parent.get("namespace", route["metadata"].get("namespace")), parent["name"])
        for gateway in gateways:
            if (gateway["metadata"].get("namespace"), gateway["metadata"]["name"]) == where:
                yield from (one for one in gateway["spec"].get("listeners") or () if _is_named(one, parent))


def _is_named(listener: Manifest, parent: Manifest) -> bool:
    return all(parent.get(key) in {None, listener.get(of)} for key, of in (("sectionName", "name"), ("port", "port")))


def _of_rules(rules: Iterable[str]) -> Hosts:
    """Read Traefik's rules, of its versions 2 and 3."""
    names, expressions = list[str](), list[str]()
    for rule in rules:
        for matcher, stated in _MATCHER.findall(_NEGATED.sub("", rule)):
            into = names if matcher.lower() == "host" else expressions
            into += [one[1:-1] for one in re.findall(_TEXT, stated)]
    return Hosts(names=_names(map(normal, names)), expressions=tuple(expressions))


def _matches(expression: str, host: str) -> bool:
    """Whether a regular expression of Traefik's matches a host; one that can't be read here does not."""
    parts = _NAMED.split(expression)  # texts and expressions by turns
    whole = "".join(f"(?:{one})" if number % 2 else re.escape(one) for number, one in enumerate(parts))
    try:
        return bool(re.search(f"^{whole}$" if len(parts) > 1 else expression, normal(host), re.IGNORECASE))
    except re.error:
        return False
