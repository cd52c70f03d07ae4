"""The change policy: changes that lose data or access, in one table, each with what is lost."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.run import Step
from text.resource_types import (
    ADOPTED_RECORD,
    APPLICATION,
    CLAIM,
    LIBRARY,
    POLICY,
    RECORD,
    SERVICE_TOKEN,
    TUNNEL,
    TUNNEL_RULES,
    VOLUME,
    WORKLOADS,
)
from text.visible import visible

ALLOWED: Final = "--allow-data-loss"
LABEL: Final = "allow-data-loss"
HELP: Final = "Allow changes that the change policy refuses."

# The engine's words. `retain`: the resource stays, and this stack forgets it.
_REPLACED: Final = frozenset({"replace"})
_REMOVED: Final = frozenset({"delete", "replace"})
_LET_GO: Final = frozenset({"delete", "replace", "retain"})
_GONE: Final = frozenset({"delete", "retain"})
_UPDATED: Final = frozenset({"update"})
_RETAINED: Final = frozenset({"retain"})
_BEGUN: Final = frozenset({"create", "import"})
_STATED: Final = frozenset({"create", "update", "replace"})

_VERBS: Final = {
    "create": "created",
    "delete": "deleted",
    "replace": "replaced",
    "retain": "let go of",
    "update": "changed",
}

_ADMITTED: Final = "pulumi-python:dynamic/kubernetes:MountAtAdmission"
_FRAGMENT: Final = "pulumi-python:dynamic/kubernetes:Fragment"
_UNREACHED: Final = (
    "no pod gets at them through it: nothing is fetched, and an Immich that reads from it moves every photo to its "
    "trash at its next scan."
)
_TRASH: Final = "Immich's next scan moves every photo that it does not find to its trash"
# Inputs of a record, an Ingress and an HTTPRoute, and what begins like them.
_ROUTING: Final = (
    *("name", "type", "content", "proxied"),
    *("spec.ingressClassName", "spec.parentRefs", "spec.hostnames", "spec.rules"),
)
_ROUTE: Final = "This route was made by hand and is in use: its requests would go elsewhere, or nowhere."


@dataclass(frozen=True)
class ChangeRule:
    """One kind of change that fails a preview.

    Attributes:
        type: Pulumi's type of the resource.
        operations: the engine's words for what happens to it.
        reason: what is lost, in a sentence.
        concerns: whether a step of that type and operation is meant.
        beside: what happens to another resource of the type in the same run; empty where that does not matter.

    """

    type: str
    operations: frozenset[str]
    reason: str
    concerns: Callable[[Step], bool] = lambda _: True
    beside: frozenset[str] = frozenset()

    def trips(self, step: Step, every: Iterable[Step]) -> bool:
        """Whether a step is refused."""
        meant = step.type == self.type and step.operation in self.operations and self.concerns(step)
        return meant and (
            not self.beside or any((one.type == self.type) and one.operation in self.beside for one in every)
        )


@dataclass(frozen=True)
class RefusedChange:
    """A step that a rule refuses."""

    step: Step
    rule: ChangeRule

    @property
    def happens(self) -> str:
        """What would happen to the resource, such as `replaced`."""
        return _VERBS[self.step.operation]


def _is_a_session(step: Step) -> bool:
    """Whether it is an account's; the label is the one of components.photo_sync."""
    return "immich-icloud/account" in step.before.get("metadata", {}).get("labels", {})


def _holds_photos(step: Step) -> bool:
    return not _is_a_session(step)


def _remembers_the_directory(step: Step) -> bool:
    return bool(step.before.get("data") == {"made": "true"})


def _is_a_mount(step: Step) -> bool:
    return bool(_fragment(step.before).get("kind") in WORKLOADS)


def _fragment(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entries, of one workload; of a mount at admission, those of the first."""
    found: Mapping[str, Any] = inputs.get("fragment") or next(iter(inputs.get("fragments", ())), {})
    return found


def _moves(step: Step) -> bool:
    return _is_a_mount(step) and not _seen_at(step.before) <= _seen_at(step.after)


def _seen_at(inputs: Mapping[str, Any]) -> set[str]:
    """What Immich has mounted, and where."""
    pod = _pod(inputs)
    mounts = [mount for container in pod.get("containers", []) for mount in container.get("volumeMounts", [])]
    return {repr(sorted(entry.items())) for entry in (*pod.get("volumes", []), *_without_modes(mounts))}


def _without_modes(mounts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for mount in mounts:
        yield {key: mount.get(key) for key in ("name", "mountPath")}


def _loses_its_guard(step: Step) -> bool:
    def guards(inputs: Mapping[str, Any]) -> set[str]:
        return {container["name"] for container in _pod(inputs).get("initContainers", [])}

    return _is_a_mount(step) and not guards(step.before) <= guards(step.after)


def _pod(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = _fragment(inputs).get("spec", {}).get("template", {}).get("spec", {})
    return pod


def _excludes_more(step: Step) -> bool:
    return not set(step.after.get("exclusion_patterns", [])) <= set(step.before.get("exclusion_patterns", []))


def _took_over(step: Step) -> bool:
    return bool(step.found.get("found"))


def _gives_back(step: Step) -> bool:
    """Whether this stack's rules leave an adopted rule its requests: then it is restored (providers.tunnel_rules)."""
    ours = {_key(rule) for rule in step.after.get("rules", [])}
    found = [_key(json.loads(rule)) for rule in step.found.get("found", [])]
    return any(not {(hostname, ""), (hostname, path)} & ours for hostname, path in found)


def _key(rule: Mapping[str, Any]) -> tuple[str, str]:
    return rule.get("hostname") or "", rule.get("path") or ""


def _admits_everyone(step: Step) -> bool:
    def open_to_all(policy: Mapping[str, Any]) -> bool:
        return policy.get("decision") == "bypass" or any("everyone" in one for one in policy.get("includes", []))

    return open_to_all(step.after) and not open_to_all(step.before)


def _guards_immich(step: Step) -> bool:
    """Not a page to sign in, whose application goes with all that leads there; named so in components.access."""
    return "access-sign-in-" not in step.name


def _was_found(step: Step) -> bool:
    return step.retained


def _leads_elsewhere(step: Step) -> bool:
    found = step.retained or step.type == ADOPTED_RECORD
    return found and any(path.startswith(_ROUTING) for path in step.differences)


_OPEN: Final = (
    "Access no longer asks who it is: where the host still leads to Immich, whoever knows its name gets to Immich's "
    "login page."
)
_INGRESS: Final = "kubernetes:networking.k8s.io/v1:Ingress"
_HTTP_ROUTE: Final = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
_COME_BACK: Final = (
    "Rules that were made by hand, and that this stack adopted, are restored: the host leads where they say."
)

RULES: Final = (
    ChangeRule(
        VOLUME,
        _LET_GO,
        f"The files stay, as its policy is Retain, but {_UNREACHED}",
    ),
    ChangeRule(
        CLAIM,
        _LET_GO,
        f"The files stay, but {_UNREACHED}",
        _holds_photos,
    ),
    ChangeRule(
        CLAIM,
        _LET_GO,
        "An account's session at Apple is on it: the account fetches nothing until someone signs in again, with a "
        "code that Apple sends.",
        _is_a_session,
    ),
    ChangeRule(
        "kubernetes:core/v1:Namespace",
        _REMOVED,
        "All that is in it goes with it: claims, sessions at Apple, and what others have put there.",
    ),
    ChangeRule(
        "kubernetes:core/v1:ConfigMap",
        _LET_GO,
        "It remembers that the photos' directory was made. Without it the directory may be made, and marked as the "
        f"right disk, on whatever is mounted there: {_TRASH}.",
        _remembers_the_directory,
    ),
    # Not where it is deleted: preflight refuses that unless Immich's chart states the same mount.
    ChangeRule(_FRAGMENT, _REPLACED, f"Immich no longer sees the photos: {_TRASH}.", _is_a_mount),
    *(
        ChangeRule(
            mount,
            _UPDATED,
            "Immich sees another directory, or the same one at another path, and it knows a photo by its path: "
            f"{_TRASH}, with its place in albums, and takes what it finds for new.",
            _moves,
        )
        for mount in (_FRAGMENT, _ADMITTED)
    ),
    ChangeRule(
        _FRAGMENT, _UPDATED, f"Immich would start although the photo disk is not there: {_TRASH}.", _loses_its_guard
    ),
    ChangeRule(
        LIBRARY,
        _LET_GO,
        "Albums, faces and descriptions stay with the old library, which no longer gets what is fetched; a new one "
        "begins without them.",
    ),
    ChangeRule(
        LIBRARY,
        _UPDATED,
        "Immich's next scan moves every photo that a new exclusion pattern matches to its trash.",
        _excludes_more,
    ),
    ChangeRule(
        TUNNEL,
        _REMOVED,
        "A tunnel's id and token go with it: every host that leads through it is unreachable, others' too.",
    ),
    ChangeRule(TUNNEL_RULES, _REMOVED, _COME_BACK, _took_over),
    ChangeRule(TUNNEL_RULES, _UPDATED, _COME_BACK, _gives_back),
    ChangeRule(RECORD, _REPLACED, _ROUTE, _was_found),
    # The host changes: the new one gets a record of its own, and the adopted one leads to nothing any more.
    ChangeRule(RECORD, _RETAINED, _ROUTE, beside=_BEGUN),
    ChangeRule(RECORD, _UPDATED, _ROUTE, _leads_elsewhere),
    ChangeRule(ADOPTED_RECORD, _REMOVED, _ROUTE),
    ChangeRule(ADOPTED_RECORD, _UPDATED, _ROUTE, _leads_elsewhere),
    ChangeRule(_INGRESS, _REPLACED, _ROUTE, _was_found),
    ChangeRule(_INGRESS, _UPDATED, _ROUTE, _leads_elsewhere),
    ChangeRule(_HTTP_ROUTE, _REPLACED, _ROUTE, _was_found),
    ChangeRule(_HTTP_ROUTE, _UPDATED, _ROUTE, _leads_elsewhere),
    # A replaced one is recreated; and without a policy the application admits no one.
    ChangeRule(APPLICATION, _GONE, _OPEN, _guards_immich),
    ChangeRule(POLICY, _STATED, _OPEN, _admits_everyone),
    ChangeRule(
        SERVICE_TOKEN,
        _REPLACED,
        "Every phone's app has the old token: none gets in until the new one is entered there.",
    ),
)


def tripped(steps: Iterable[Step]) -> list[RefusedChange]:
    """Find what is refused, in the order of the table."""
    every = list(steps)
    return [RefusedChange(step, rule) for rule in RULES for step in every if rule.trips(step, every)]


def refusal(findings: Iterable[RefusedChange], command: str) -> str:
    """Explain what is refused, why, and how to allow it.

    Args:
        findings: what is refused.
        command: the command that was given, to which the permission is added.

    """
    lines = [f"  - {visible(one.step.title)} would be {one.happens}. {one.rule.reason}" for one in findings]
    return "\n".join(
        [
            "Refused: this change could lose data or cut off access. Nothing was changed:",
            *lines,
            f"If that is meant: {command} ARGS={ALLOWED}, or the label {LABEL} on the pull request.",
        ]
    )
