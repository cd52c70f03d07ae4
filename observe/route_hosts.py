"""Which hosts a route of any kind leads somewhere: by name, and by pattern."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from clients.kubernetes import Manifest
from observe import traefik_rules
from text.hostname import is_wildcard_of, normal

# Further hosts of an Ingress: what ends the annotation's name for ingress-nginx and HAProxy.
_ALIASES: Final = "/server-alias"
# A route that is there until a certificate is issued, for one path.
_SOLVER: Final = "acme.cert-manager.io/http01-solver"
# What Istio calls the inside of the cluster, where a VirtualService is for unless it names a Gateway.
_MESH: Final = "mesh"


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
            *(one for one in self.expressions if traefik_rules.matches(one, host)),
        )
        return next(iter(taken), "")


def hosts(route: Manifest, gateways: Iterable[Manifest] = ()) -> Hosts:
    """Tell them; a route of Gateway API without hosts of its own has those of its Gateways' listeners."""
    if _SOLVER in (route["metadata"].get("labels") or {}):
        return Hosts()
    spec = route.get("spec") or {}
    match route["kind"]:
        case "IngressRoute" | "IngressRouteTCP":
            names, expressions = traefik_rules.hosts(rule.get("match", "") for rule in spec.get("routes") or ())
            return Hosts(names=frozenset(names), expressions=tuple(expressions))
        case "HTTPRoute" | "GRPCRoute" | "TLSRoute":
            stated = () if _only_redirects(spec) else tuple(_through_listeners(route, gateways))
            return Hosts(names=_names(stated), suffixes=_patterns(stated))
        case "VirtualService":
            outside = set(spec.get("gateways") or ()) - {_MESH}
            stated = tuple(map(normal, spec.get("hosts") or ())) if outside else ()
            return Hosts(names=_names(stated), suffixes=_patterns(stated))
        case _:
            served = tuple(_stated(route, spec))
            stated = tuple(normal(one) for one in served if not one.startswith("~"))
            of_nginx = tuple(one.lstrip("~*") for one in served if one.startswith("~"))
            return Hosts(names=_names(stated), wildcards=_patterns(stated), expressions=of_nginx)


def _stated(route: Manifest, spec: Manifest) -> Iterable[str]:
    """Read the hosts of an Ingress, or the one of Contour's HTTPProxy, OpenShift's Route or NGINX' VirtualServer."""
    if route["kind"] == "Ingress":
        annotations = (route["metadata"].get("annotations") or {}).items()
        aliases = (one for key, text in annotations if key.endswith(_ALIASES) for one in re.split(r"[,\s]+", text))
        return (*(rule.get("host", "") for rule in spec.get("rules") or ()), *aliases)
    stated = str((spec.get("virtualhost") or {}).get("fqdn") or spec.get("host") or "")
    return (f"*.{stated.partition('.')[2]}" if spec.get("wildcardPolicy") == "Subdomain" else stated,)


def _only_redirects(spec: Manifest) -> bool:
    """Whether a route leads nowhere: it sends all requests back to the same host, by https."""
    rules = spec.get("rules") or ()
    return bool(rules) and all(any(map(_redirects, rule.get("filters") or ())) for rule in rules)


def _redirects(step: Manifest) -> bool:
    redirect = step.get("requestRedirect") or {}
    return redirect.get("scheme") == "https" and not redirect.get("hostname")


def covers(pattern: str | None, host: str) -> bool:
    """Whether a host of Gateway API, or Istio, takes another in: `*.` is any number of labels; none, or `*`, is all."""
    if pattern in {None, "", "*"}:
        return True
    wanted, listened = normal(host), normal(pattern)
    return wanted.endswith(listened[1:]) if listened.startswith("*.") else wanted == listened


def _names(stated: Iterable[str]) -> frozenset[str]:
    return frozenset(one for one in stated if one and "*" not in one)


def _patterns(stated: Iterable[str]) -> tuple[str, ...]:
    return tuple(one for one in stated if "*" in one)


def _through_listeners(route: Manifest, gateways: Iterable[Manifest]) -> Iterator[str]:
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
