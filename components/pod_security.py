"""The lowest PodSecurity level that a pod passes, and the namespace whose labels let it in.

The rules are those of the Pod Security Standards, as far as pods of this stack can meet or break them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership

Level = Literal["privileged", "baseline", "restricted"]

MODES = ("enforce", "warn", "audit")
LEVELS: tuple[Level, ...] = ("restricted", "baseline", "privileged")  # the strictest first
# Capabilities that `baseline` lets a container add; `restricted` lets it add none but the last.
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT", "NET_BIND_SERVICE",
}  # fmt: skip
# Kinds of volume that `restricted` knows.
_RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


@dataclass(frozen=True)
class FoundLevels:
    """The levels that a namespace has, by mode: by anyone, and by those who will go on stating them."""

    labelled: Mapping[str, Level] = field(default_factory=dict)
    by_others: Mapping[str, Level] = field(default_factory=dict)


def label(mode: str) -> str:
    """Name the label of a mode."""
    return f"pod-security.kubernetes.io/{mode}"


def needed(pod: Manifest) -> Level:
    """Compute the strictest level that admits a pod, given its spec."""
    containers = [*pod.get("initContainers", []), *pod.get("containers", [])]
    contexts = [container.get("securityContext", {}) for container in containers]
    volumes = {kind for volume in pod.get("volumes", []) for kind in volume if kind != "name"}
    added = {capability for context in contexts for capability in context.get("capabilities", {}).get("add", [])}
    if "hostPath" in volumes or added - _BASELINE_CAPABILITIES or any(c.get("privileged") for c in contexts):
        return "privileged"
    whole = pod.get("securityContext", {})
    restricted = volumes <= _RESTRICTED_VOLUMES and added <= {"NET_BIND_SERVICE"}
    for context in contexts:
        here = {**whole, **context}
        restricted = (
            restricted
            and here.get("runAsNonRoot") is True
            and here.get("runAsUser") != 0
            and here.get("allowPrivilegeEscalation") is False
            and here.get("capabilities", {}).get("drop") == ["ALL"]
            and here.get("seccompProfile", {}).get("type") == "RuntimeDefault"
        )
    return "restricted" if restricted else "baseline"


def least_strict(levels: list[Level]) -> Level:
    """Pick the level that admits what each of the given ones admits."""
    return max(levels, key=LEVELS.index)


def labels(level: Level) -> dict[str, str]:
    """Build all labels for a namespace of this stack."""
    return {label(mode): level for mode in MODES}


def labels_to_add(level: Level, found: FoundLevels) -> dict[str, str]:
    """Build the labels that a found namespace still lacks: raised where our pods need it, never made stricter."""
    if level == "restricted":
        return {}  # every level admits such a pod
    wanted = {mode: least_strict([level, found.labelled.get(mode, level)]) for mode in MODES}
    return {label(mode): wanted[mode] for mode in MODES if found.by_others.get(mode) != wanted[mode]}


def namespace(name: str, level: Level, ownership: Ownership) -> Manifest:
    """Build a namespace of this stack."""
    return ownership.whole(Ref("v1", "Namespace", name), labels=labels(level))


def namespace_entries(
    name: str, level: Level, found: FoundLevels, annotations: Mapping[str, str] | None = None
) -> Manifest | None:
    """Build what we state in a namespace that exists already; None when there is nothing to state."""
    entries = {"labels": labels_to_add(level, found), "annotations": annotations}
    stated = {key: value for key, value in entries.items() if value}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **stated}} if stated else None
