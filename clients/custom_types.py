"""What is read of custom resources, by their kind: their types, which Kubernetes' own client does not know.

An API server holds them to their definitions; one that was installed without a schema takes anything.
"""

from collections.abc import Iterator
from typing import Any, Final

# A type, a list of what each item is, or a mapping: of these keys, `*` for each; `!` for one that is always there.
Shape = Any

_CONDITIONS: Final = [{"type!": str, "status!": str, "message": str, "reason": str}]
_PARENT: Final = {"name!": str, "namespace": str, "sectionName": str, "port": int}
_OF_GATEWAY_API: Final = {
    "spec!": {
        "hostnames": [str],
        "parentRefs": [_PARENT],
        "rules": [
            {
                "filters": [{"requestRedirect": {"scheme": str, "hostname": str}}],
                "matches": [{"path": {"value": str}}],
            }
        ],
    },
    "status": {"parents": [{"parentRef": _PARENT, "controllerName": str, "conditions": _CONDITIONS}]},
}
_SELECTOR: Final = {
    "matchLabels": {"*": str},
    "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}],
}
_LISTENER: Final = {
    "name!": str,
    "hostname": str,
    "port": int,
    "protocol": str,
    "allowedRoutes": {"kinds": [{"kind!": str}], "namespaces": {"from": str, "selector": _SELECTOR}},
}
_ISTIOS_RULES: Final = [{"match": [{"uri": {"*": str}}]}]
_OF_TRAEFIK: Final = {"spec": {"routes": [{"match": str}]}}
_ISSUER: Final = {"status": {"conditions": _CONDITIONS}}
_SHAPES: Final[dict[str, Shape]] = {
    **dict.fromkeys(("HTTPRoute", "GRPCRoute", "TLSRoute"), _OF_GATEWAY_API),
    "Gateway": {
        "spec!": {"listeners": [_LISTENER]},
        "status": {"conditions": _CONDITIONS, "listeners": [{"name!": str, "conditions": _CONDITIONS}]},
    },
    "IngressRoute": _OF_TRAEFIK,
    "IngressRouteTCP": _OF_TRAEFIK,
    "Issuer": _ISSUER,
    "ClusterIssuer": _ISSUER,
    "HTTPProxy": {"spec": {"virtualhost": {"fqdn": str}}},
    "VirtualService": {
        "spec": {
            "gateways": [str],
            "hosts": [str],
            "http": _ISTIOS_RULES,
            "tls": _ISTIOS_RULES,
            "tcp": _ISTIOS_RULES,
        }
    },
    "Route": {"spec": {"host": str, "path": str, "wildcardPolicy": str}},
    "VirtualServer": {"spec": {"host": str}},
}


def is_read(kind: str) -> bool:
    """Whether anything is read of a custom resource of this kind."""
    return kind in _SHAPES


def faults(found: Any, kind: str) -> Iterator[str]:
    """Name the places where a custom resource is not of its kind; of a kind that is not read, none."""
    yield from _faults(found, _SHAPES.get(kind, {}), kind)


def _faults(value: Any, shape: Shape, place: str) -> Iterator[str]:
    if isinstance(shape, type):
        if type(value) is not shape:
            yield place
    elif not isinstance(value, type(shape)):
        yield place
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from _faults(item, shape[0], f"{place}[{number}]")
    else:
        for stated, inner in shape.items():
            key = stated.rstrip("!")
            for one in value if key == "*" else [key] if key in value else []:
                yield from _faults(value[one], inner, f"{place}.{one}")
            if stated != key and key not in value:
                yield f"{place}.{key}"
