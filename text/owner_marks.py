"""Labels and annotations by which the tools that deploy objects know what is theirs."""

from typing import Final

ARGOCD_TRACKING: Final = "argocd.argoproj.io/tracking-id"
ARGOCD_INSTANCE: Final = "argocd.argoproj.io/instance"
FLUX_KUSTOMIZATION: Final = "kustomize.toolkit.fluxcd.io"
FLUX_RELEASE: Final = "helm.toolkit.fluxcd.io"
HELM_RELEASE: Final = "meta.helm.sh/release"
