"""Which tool manages an object, by the marks that it leaves: one reading of them, whatever follows from it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from clients.kubernetes import OBJECT_MANAGER, Manifest
from text.owner_marks import (
    ARGOCD_INSTANCE,
    ARGOCD_MANAGERS,
    ARGOCD_TRACKING,
    FLUX_KUSTOMIZATION,
    FLUX_RELEASE,
    HELM_RELEASE,
    INSTANCE,
    LAST_APPLIED,
    MANAGED_BY,
    is_helm,
    is_terraform,
)

_Values = Mapping[str, str]

# Which a typed namespace holds, and a resource that only adds labels to one does not.
_NAME_OF_NAMESPACE = "f:kubernetes.io/metadata.name"
_APPLY_SET = "applyset.kubernetes.io/part-of"
# What people and tools write there; not Helm, whose charts others render.
_TOOLS = {
    "ansible", "argo-cd", "argocd", "cdktf", "configmanagement.gke.io", "flux", "fluxcd", "kapp", "kluctl", "opentofu",
    "pulumi", "skaffold", "terraform", "terragrunt", "tilt", "timoni",
}  # fmt: skip
# Labels and annotations by which a tool deletes what is no longer in its files.
_PRUNED_BY = {
    "objectset.rio.cattle.io/hash": "k3s or Rancher", "kapp.k14s.io/app": "kapp", "kluctl.io/discriminator": "kluctl",
    "skaffold.dev/run-id": "Skaffold", "addonmanager.kubernetes.io/mode": "the cluster's addon manager",
    "fluxcd.io/sync-gc-mark": "Flux 1", "config.k8s.io/owning-inventory": "kpt or Config Sync",
}  # fmt: skip
_KUSTOMIZE, _ORIGIN = "kustomize", "config.kubernetes.io/origin"
# Field managers of tools that have marks of their own, which go with a hand-over, and the managers stay.
_KNOWN = {*ARGOCD_MANAGERS, "kustomize-controller", OBJECT_MANAGER}


class Tool(Enum):
    """What manages objects: each has marks of its own."""

    ARGOCD = auto()
    FLUX = auto()
    FLUX_RELEASE = auto()
    HELM = auto()
    TERRAFORM = auto()
    APPLY_SET = auto()
    OTHER = auto()
    CONTROLLER = auto()


@dataclass(frozen=True)
class Owner:
    """Who manages an object, and what its marks say.

    Attributes:
        tool: which one.
        values: by name: `owner` and `place` of a release, `manager`, or `tool` with its `mark` and its `value`, and
            kubectl's `verb` for it.

    """

    tool: Tool
    values: _Values = field(default_factory=dict)


def owner_of(live: Manifest) -> Owner | None:
    """Tell which tool manages an object; None where nothing says so. Flux's releases carry Helm's marks, too."""
    for tool, read in _MARKS:
        if (values := read(live)) is not None:
            return Owner(tool, values)
    return None


def applied_with_kubectl(live: Manifest) -> bool:
    """Whether the object is applied from a file, or a kustomization: the next time writes it again."""
    annotations, managed_by = _annotations(live), _labels(live).get(MANAGED_BY, "")
    of_files = LAST_APPLIED in annotations or _ORIGIN in annotations or managed_by.startswith(_KUSTOMIZE)
    return of_files or any(
        entry.get("operation") == "Apply" and not _is_known(str(entry.get("manager")).partition("/")[0])
        for entry in _entries(live)
    )


def _is_known(manager: str) -> bool:
    return manager in _KNOWN or is_helm(manager) or is_terraform(manager)


def _argocd(live: Manifest) -> _Values | None:
    labels, tracked = _labels(live), _annotations(live).get(ARGOCD_TRACKING, "").partition(":")[0]
    # Others use that label, too: it is ArgoCD's where it wrote.
    by_label = labels.get(INSTANCE) if ARGOCD_MANAGERS & _managers(live) else None
    application = tracked or labels.get(ARGOCD_INSTANCE) or by_label
    return {"owner": application} if application else None


def _flux(live: Manifest) -> _Values | None:
    return _named(_labels(live), f"{FLUX_KUSTOMIZATION}/")


def _flux_helm(live: Manifest) -> _Values | None:
    return _named(_labels(live), f"{FLUX_RELEASE}/")


def _helm(live: Manifest) -> _Values | None:
    if found := _named(_annotations(live), f"{HELM_RELEASE}-"):
        return found
    if _labels(live).get(MANAGED_BY) != "Helm" or not any(map(is_helm, _managers(live))):
        return None
    release = _labels(live).get(INSTANCE, "<release>")
    return {"owner": release, "place": live["metadata"].get("namespace", "<namespace>")}


def _terraform(live: Manifest) -> _Values | None:
    for entry in _entries(live):
        fields = entry.get("fieldsV1", {})
        whole = fields.keys() - {"f:metadata"} or _NAME_OF_NAMESPACE in fields.get("f:metadata", {}).get("f:labels", {})
        if is_terraform(str(entry.get("manager"))) and whole:
            return {"manager": entry["manager"]}
    return None


def _apply_set(live: Manifest) -> _Values | None:
    return {} if _APPLY_SET in _labels(live) else None


def _tool(live: Manifest) -> _Values | None:
    for verb, marks in (("label", _labels(live)), ("annotate", _annotations(live))):
        for mark in _PRUNED_BY.keys() & marks.keys():
            return {"tool": _PRUNED_BY[mark], "verb": verb, "mark": mark, "value": marks[mark]}
    tool = _labels(live).get(MANAGED_BY, "")
    # The kubernetes provider of Pulumi gives that label to what this stack makes, too.
    known = tool.lower() in _TOOLS and OBJECT_MANAGER not in _managers(live)
    return {"tool": tool, "verb": "label", "mark": MANAGED_BY, "value": tool} if known else None


def _controller(live: Manifest) -> _Values | None:
    owners = live["metadata"].get("ownerReferences") or ()
    return {"owner": ", ".join(f"{one['kind']} {one['name']}" for one in owners)} if owners else None


_MARKS: tuple[tuple[Tool, Callable[[Manifest], _Values | None]], ...] = (
    (Tool.ARGOCD, _argocd),
    (Tool.FLUX, _flux),
    (Tool.FLUX_RELEASE, _flux_helm),
    (Tool.HELM, _helm),
    (Tool.TERRAFORM, _terraform),
    (Tool.APPLY_SET, _apply_set),
    (Tool.OTHER, _tool),
    (Tool.CONTROLLER, _controller),
)


def _named(marks: Mapping[str, str], mark: str) -> _Values | None:
    """Read whose it is; one of both marks is left where a hand-over was not completed."""
    name, place = marks.get(f"{mark}name"), marks.get(f"{mark}namespace")
    return {"owner": name or "<name>", "place": place or "<namespace>"} if name or place else None


def _labels(live: Manifest) -> Mapping[str, str]:
    return live["metadata"].get("labels") or {}


def _annotations(live: Manifest) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}


def _managers(live: Manifest) -> set[str]:
    return {str(one.get("manager")) for one in _entries(live)}


def _entries(live: Manifest) -> list[Manifest]:
    return [one for one in live["metadata"].get("managedFields") or () if "subresource" not in one]
