"""Which tool manages an object besides this stack: each by the marks that it leaves, each with its own hand-over. Pure.

Helm skips the removal of an object whose live annotation says `helm.sh/resource-policy: keep` (source: helm.sh/helm/v3,
pkg/kube/client.go); Flux prunes what carries its labels, unless its live annotation says that pruning is disabled
(source: fluxcd/kustomize-controller, internal/controller). Neither takes its marks off an object that it leaves behind.
"""

from collections.abc import Callable, Iterator, Mapping

from clients.kubernetes import Manifest, Ref
from preflight import wording
from text.finding import Finding, Situation
from text.owner_marks import ARGOCD_INSTANCE, ARGOCD_TRACKING, FLUX_KUSTOMIZATION, FLUX_RELEASE, HELM_RELEASE

_Values = Mapping[str, str]

_ARGOCD_INSTANCES = ("app.kubernetes.io/instance", ARGOCD_INSTANCE)
# The names of the kubernetes provider: of typed resources from its user agent, of kubernetes_manifest by default.
_TERRAFORM = {"HashiCorp", "Terraform"}
# Which a typed namespace holds, and a resource that only adds labels to one does not.
_NAME_OF_NAMESPACE = "f:kubernetes.io/metadata.name"
_APPLY_SET = "applyset.kubernetes.io/part-of"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def findings(ref: Ref, live: Manifest) -> Iterator[Finding]:
    """Say which tools manage an object, and how each one hands it over."""
    for situation, mark in _MARKS:
        if (values := mark(live)) is not None:
            yield situation.found(ref, object=_for_kubectl(ref), **values)
            return  # Flux's releases carry Helm's marks, too


def applied_with_kubectl(live: Manifest) -> bool:
    """Whether `kubectl apply` has the object in a file, or in a kustomization: the next one writes it again."""
    return _LAST_APPLIED in _annotations(live) or any(
        entry.get("manager") == "kubectl" and entry.get("operation") == "Apply" for entry in _entries(live)
    )


def _argocd(live: Manifest) -> _Values | None:
    by_label = any(label in _labels(live) for label in _ARGOCD_INSTANCES)
    managers = {entry.get("manager") for entry in _entries(live)}
    tracked = ARGOCD_TRACKING in _annotations(live) or (by_label and "argocd-controller" in managers)
    return {} if tracked else None


def _flux(live: Manifest) -> _Values | None:
    return _named(_labels(live), f"{FLUX_KUSTOMIZATION}/")


def _flux_helm(live: Manifest) -> _Values | None:
    return _named(_labels(live), f"{FLUX_RELEASE}/")


def _helm(live: Manifest) -> _Values | None:
    return _named(_annotations(live), f"{HELM_RELEASE}-")


def _terraform(live: Manifest) -> _Values | None:
    for entry in _entries(live):
        fields = entry.get("fieldsV1", {})
        whole = fields.keys() - {"f:metadata"} or _NAME_OF_NAMESPACE in fields.get("f:metadata", {}).get("f:labels", {})
        if entry.get("manager") in _TERRAFORM and whole:
            return {"manager": entry["manager"]}
    return None


def _apply_set(live: Manifest) -> _Values | None:
    return {} if _APPLY_SET in _labels(live) else None


def _controller(live: Manifest) -> _Values | None:
    owners = live["metadata"].get("ownerReferences", [])
    return {"owner": ", ".join(f"{one['kind']} {one['name']}" for one in owners)} if owners else None


_MARKS: tuple[tuple[Situation, Callable[[Manifest], _Values | None]], ...] = (
    (wording.TRACKED_BY_ARGOCD, _argocd),
    (wording.MANAGED_BY_FLUX, _flux),
    (wording.MANAGED_BY_HELM_RELEASE, _flux_helm),
    (wording.MANAGED_BY_HELM, _helm),
    (wording.MANAGED_BY_TERRAFORM, _terraform),
    (wording.MANAGED_BY_APPLY_SET, _apply_set),
    (wording.OWNED_BY_OBJECT, _controller),
)


def _named(marks: Mapping[str, str], mark: str) -> _Values | None:
    name = f"{mark}name"
    return {"owner": marks[name], "place": marks.get(f"{mark}namespace", "default")} if name in marks else None


def _for_kubectl(ref: Ref) -> str:
    return f"{ref.kind.lower()} {ref.name}{f' -n {ref.namespace}' if ref.namespace else ''}"


def _labels(live: Manifest) -> Mapping[str, str]:
    return live["metadata"].get("labels") or {}


def _annotations(live: Manifest) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}


def _entries(live: Manifest) -> list[Manifest]:
    return [one for one in live["metadata"].get("managedFields") or () if "subresource" not in one]
