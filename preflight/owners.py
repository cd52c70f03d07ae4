"""Which tool manages an object besides this stack, and how each one hands it over. Pure.

Helm skips the removal of an object whose live annotation says `helm.sh/resource-policy: keep` (source: helm.sh/helm/v3,
pkg/kube/client.go); Flux prunes what carries its labels, unless its live annotation says that pruning is disabled
(source: fluxcd/kustomize-controller, internal/controller). Neither takes its marks off an object that it leaves behind.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from clients.kubernetes import Manifest, Ref
from clients.owners import Tool, owner_of
from preflight import wording
from text.finding import Finding, Situation

_SITUATIONS: Final[Mapping[Tool, Situation]] = {
    Tool.ARGOCD: wording.TRACKED_BY_ARGOCD,
    Tool.FLUX: wording.MANAGED_BY_FLUX,
    Tool.FLUX_RELEASE: wording.MANAGED_BY_HELM_RELEASE,
    Tool.HELM: wording.MANAGED_BY_HELM,
    Tool.TERRAFORM: wording.MANAGED_BY_TERRAFORM,
    Tool.APPLY_SET: wording.MANAGED_BY_APPLY_SET,
    Tool.OTHER: wording.MANAGED_BY_TOOL,
    Tool.CONTROLLER: wording.OWNED_BY_OBJECT,
}


def findings(ref: Ref, live: Manifest) -> Iterator[Finding]:
    """Say which tool manages an object, and how it hands it over."""
    if owner := owner_of(live):
        yield _SITUATIONS[owner.tool].found(ref, object=_for_kubectl(ref), **owner.values)


def _for_kubectl(ref: Ref) -> str:
    return f"{ref.kind.lower()} {ref.name}{f' -n {ref.namespace}' if ref.namespace else ''}"
