"""A chart's values as what deploys the chart takes them: a values file, Flux's HelmRelease, ArgoCD's Application. Pure.

The two objects state only what is to be merged into those in git. Each has the chart applied server-side: only then
does the cluster know that the chart states the mount, too. Source: fluxcd/helm-controller, docs/spec/v2/helmreleases.md
(`upgrade.serverSideApply`, Flux 2.8); argoproj/argo-cd, docs/user-guide/helm.md (`valuesObject`, 2.6).
"""

from typing import Literal

from clients.kubernetes import Manifest
from text.owner_marks import ARGOCD_INSTANCE, ARGOCD_TRACKING, FLUX_RELEASE, HELM_RELEASE, INSTANCE

Form = Literal["values", "helmrelease", "application"]

_ARGOCDS = "argocd"


def formed(form: Form, values: Manifest, live: Manifest) -> Manifest:
    """Put values into a form; its name is the one that the workload's marks tell."""
    match form:
        case "helmrelease":
            return _helm_release(values, live)
        case "application":
            return _application(values, live)
    return values


def release(live: Manifest) -> tuple[str, str]:
    """Name the Helm release of a workload: its namespace and name."""
    metadata = live["metadata"]
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    name = annotations.get(f"{HELM_RELEASE}-name") or labels.get(INSTANCE) or metadata["name"]
    return annotations.get(f"{HELM_RELEASE}-namespace") or metadata["namespace"], name


def _helm_release(values: Manifest, live: Manifest) -> Manifest:
    labels = live["metadata"].get("labels") or {}
    namespace, name = release(live)
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {
            "name": labels.get(f"{FLUX_RELEASE}/name", name),
            "namespace": labels.get(f"{FLUX_RELEASE}/namespace", namespace),
        },
        "spec": {"upgrade": {"serverSideApply": "enabled"}, "values": values},
    }


def _application(values: Manifest, live: Manifest) -> Manifest:
    annotations, labels = live["metadata"].get("annotations") or {}, live["metadata"].get("labels") or {}
    tracked = annotations.get(ARGOCD_TRACKING, "").partition(":")[0]
    named = tracked or labels.get(ARGOCD_INSTANCE) or release(live)[1]
    # An Application outside of ArgoCD's own namespace is tracked as NAMESPACE_NAME.
    namespace, _, name = named.rpartition("_")
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace or _ARGOCDS},
        "spec": {
            "source": {"helm": {"valuesObject": values}},
            "syncPolicy": {"syncOptions": ["ServerSideApply=true"]},
        },
    }
