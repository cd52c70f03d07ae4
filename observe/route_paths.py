"""Of a host that several routes have: the paths to which one of them keeps."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from clients.kubernetes import Manifest
from observe import traefik_rules
from text.hostname import normal

# What a path is by its letters alone, before an expression begins.
_LITERAL: Final = re.compile(r"\^?(/[\w~%@:+.-]*)*")
# What Immich's own pages and apps ask for.
_IMMICHS: Final = ("/api", "/_app")
_ALL: Final[tuple[Manifest, ...]] = ({},)  # what is stated of nothing in particular


def kept_to(route: Manifest, host: str) -> tuple[str, ...]:
    """List the paths of a host that a route keeps to; empty where it also takes what Immich serves."""
    paths = tuple(dict.fromkeys(_paths(route, host)))
    return () if any(map(_takes_immichs, paths)) else paths


def _takes_immichs(path: str) -> bool:
    found = _LITERAL.match(path)
    literal = found[0].removeprefix("^") if found else ""
    return any(own.startswith(literal.rstrip("/")) or literal.startswith(f"{own}/") for own in _IMMICHS)


def _paths(route: Manifest, host: str) -> Iterable[str]:
    """Name the paths; none of a kind that is for whole hosts."""
    spec = route.get("spec") or {}
    match route["kind"]:
        case "Ingress":
            return _of_ingress(spec.get("rules") or (), host)
        case "HTTPRoute":
            return (one.get("path", {}).get("value", "/") for one in _matches(spec.get("rules") or _ALL, "matches"))
        case "IngressRoute":
            of_host = (one["match"] for one in spec.get("routes") or () if normal(host) in normal(one.get("match", "")))
            return (path for rule in of_host for path in traefik_rules.paths(rule))
        case "VirtualService":
            rules = (rule for protocol in ("http", "tls", "tcp") for rule in spec.get(protocol) or ())
            return (next(iter(one.get("uri", {}).values()), "/") for one in _matches(rules, "match"))
        case "Route":
            return (spec.get("path") or "/",)
    return ()


def _matches(rules: Iterable[Manifest], key: str) -> Iterator[Manifest]:
    """List what rules match; one without any matches all."""
    return (one for rule in rules for one in rule.get(key) or _ALL)


def _of_ingress(rules: Sequence[Manifest], host: str) -> Iterator[str]:
    # An alias leads to all that the Ingress has.
    for rule in [one for one in rules if normal(one.get("host", "")) == normal(host)] or rules:
        yield from (path.get("path") or "/" for path in (rule.get("http") or {}).get("paths") or _ALL)
