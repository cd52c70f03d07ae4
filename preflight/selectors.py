"""Label selectors and tolerations, as the API server and the scheduler read them. Pure."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence

from clients.kubernetes import Manifest
from text.number import whole

_KEEPS_PODS_OUT = {"NoSchedule", "NoExecute"}


def _compared(value: str | None, values: Sequence[str], order: Callable[[int, int], bool]) -> bool:
    found, limit = whole(value or ""), whole(next(iter(values), ""))
    return found is not None and limit is not None and order(found, limit)


_OPERATORS: dict[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
    "Gt": lambda value, values: _compared(value, values, operator.gt),
    "Lt": lambda value, values: _compared(value, values, operator.lt),
}


def holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether one requirement of a selector holds for an object's labels, or fields; a later operator is unknown."""
    compare = _OPERATORS.get(expression["operator"])
    return compare is None or compare(labels.get(expression["key"]), expression.get("values") or ())


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches an object's labels; an empty one matches all."""
    stated: Mapping[str, str] = selector.get("matchLabels") or {}
    return stated.items() <= labels.items() and all(
        holds(one, labels) for one in selector.get("matchExpressions") or ()
    )


def on_node(terms: list[Manifest], node: Manifest) -> bool:
    """Whether one of several terms of a node selector takes a node; a term without requirements takes none."""
    labels, fields = node["metadata"].get("labels") or {}, {"metadata.name": node["metadata"]["name"]}
    return any(
        (by_label or by_field)
        and all(holds(one, labels) for one in by_label)
        and all(holds(one, fields) for one in by_field)
        for term in terms
        for by_label, by_field in [(term.get("matchExpressions") or [], term.get("matchFields") or [])]
    )


def untolerated(pod: Manifest, node: Manifest) -> Iterator[str]:
    """Name the taints of a node that keep a pod out."""
    for taint in node.get("spec", {}).get("taints") or []:
        if taint.get("effect") in _KEEPS_PODS_OUT and not tolerates(pod, taint):
            value = f"={taint['value']}" if taint.get("value") else ""
            yield f"{taint['key']}{value}:{taint['effect']}"


def tolerates(pod: Manifest, taint: Manifest) -> bool:
    """Whether a pod tolerates a taint."""
    return any(_tolerates(one, taint) for one in pod.get("tolerations") or ())


def _tolerates(toleration: Manifest, taint: Manifest) -> bool:
    exists = toleration.get("operator", "Equal") == "Exists"
    return (
        toleration.get("effect") in {None, "", taint["effect"]}
        and (toleration.get("key") == taint["key"] or (exists and not toleration.get("key")))
        and (exists or toleration.get("value", "") == taint.get("value", ""))
    )
