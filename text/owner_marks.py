"""Labels, annotations and field managers by which the tools that deploy objects recognise what they manage."""

from typing import Final

# Labels of Kubernetes' own, which several tools write. ArgoCD uses the first by default.
INSTANCE: Final = "app.kubernetes.io/instance"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
# What `kubectl apply` notes of the file.
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
ARGOCD_TRACKING: Final = "argocd.argoproj.io/tracking-id"
ARGOCD_INSTANCE: Final = "argocd.argoproj.io/instance"
FLUX_KUSTOMIZATION: Final = "kustomize.toolkit.fluxcd.io"
FLUX_RELEASE: Final = "helm.toolkit.fluxcd.io"
HELM_RELEASE: Final = "meta.helm.sh/release"
# Before 2.5 it took its name from its program's.
ARGOCD_MANAGERS: Final = frozenset({"argocd-controller", "argocd-application-controller"})
# Of the kubernetes provider: of typed resources from its user agent, of kubernetes_manifest by default.
_TERRAFORM_MANAGERS: Final = frozenset({"HashiCorp", "Terraform"})
# Helm's own program, and Flux's, which has Helm as a library. Other providers of Terraform have the name of theirs.
_HELM_MANAGERS: Final = frozenset({"helm", "helm-controller"})
_TERRAFORM_PROVIDER: Final = "terraform-provider-"
_HELM_PROVIDER: Final = "terraform-provider-helm"


def is_helm(manager: str) -> bool:
    """Whether Helm writes under that field manager, whatever program it is part of."""
    return manager in _HELM_MANAGERS or manager.startswith(_HELM_PROVIDER)


def is_terraform(manager: str) -> bool:
    """Whether a provider of Terraform writes under that field manager, but for Helm's: those are releases."""
    provided = manager.startswith(_TERRAFORM_PROVIDER) and not manager.startswith(_HELM_PROVIDER)
    return provided or manager in _TERRAFORM_MANAGERS
