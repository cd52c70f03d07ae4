"""Which tool manages an object: by its marks, with a hand-over of its own, before anything is adopted."""

from typing import Any

import pytest

from clients.kubernetes import Ref
from preflight import owners
from tests.findings import Told
from tests.objects import ARGOCD, Manifest, managed
from tests.unit.configured import configured
from tests.unit.test_preflight_rules import INGRESS, VOLUME, by_hand, found, live_of, planned, problems, warnings
from text.finding import Finding

SPEC: Manifest = {"f:spec": {"f:rules": {}}}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
HELM = {"meta.helm.sh/release-name": "immich", "meta.helm.sh/release-namespace": "immich"}
HELM_LABEL = {"app.kubernetes.io/managed-by": "Helm"}
RELEASE = {"helm.toolkit.fluxcd.io/name": "immich", "helm.toolkit.fluxcd.io/namespace": "media"}
INSTANCE = {"app.kubernetes.io/instance": "immich"}
LAST_APPLIED = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}


def marked(ref: Ref = INGRESS, **metadata: Any) -> dict[Ref, Manifest]:
    return by_hand(live_of(planned(configured()), ref), **metadata)


MANAGED: list[tuple[Manifest, str]] = [
    ({"annotations": {"argocd.argoproj.io/tracking-id": "immich:a"}}, "tracked-by-argocd"),
    ({"labels": {"argocd.argoproj.io/instance": "immich"}, "managedFields": [managed(ARGOCD, SPEC)]},
     "tracked-by-argocd"),
    ({"labels": {"argocd.argoproj.io/instance": "immich"}}, "tracked-by-argocd"),
    ({"labels": INSTANCE, "managedFields": [managed(ARGOCD, SPEC)]}, "tracked-by-argocd"),
    ({"labels": INSTANCE, "managedFields": [managed("argocd-application-controller", SPEC)]}, "tracked-by-argocd"),
    ({"labels": FLUX}, "managed-by-flux"),
    ({"labels": FLUX | HELM_LABEL}, "managed-by-flux"),
    ({"labels": RELEASE | HELM_LABEL, "annotations": HELM}, "managed-by-helm-release"),
    ({"labels": HELM_LABEL, "annotations": HELM}, "managed-by-helm"),
    ({"annotations": HELM}, "managed-by-helm"),
    ({"labels": HELM_LABEL, "managedFields": [managed("helm", SPEC)]}, "managed-by-helm"),
    ({"managedFields": [managed("HashiCorp", SPEC)]}, "managed-by-terraform"),
    ({"managedFields": [managed("Terraform", SPEC, "Apply")]}, "managed-by-terraform"),
    ({"managedFields": [managed("terraform-provider-kubectl_v1.14.0", SPEC)]}, "managed-by-terraform"),
    # A hand-over that was not completed.
    ({"labels": {"kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}, "managed-by-flux"),
    ({"labels": {"helm.toolkit.fluxcd.io/namespace": "media"}}, "managed-by-helm-release"),
    ({"annotations": {"meta.helm.sh/release-namespace": "immich"}}, "managed-by-helm"),
    *(
        ({"labels": HELM_LABEL, "managedFields": [managed(manager, SPEC, "Apply")]}, "managed-by-helm")
        for manager in ("helm-controller", "terraform-provider-helm_v2.13.0_x5")
    ),
    ({"labels": {"applyset.kubernetes.io/part-of": "applyset-x-v1"}}, "managed-by-apply-set"),
    ({"labels": {"app.kubernetes.io/managed-by": "Terraform"}}, "managed-by-tool"),
    ({"labels": {"app.kubernetes.io/managed-by": "pulumi"}}, "managed-by-tool"),
    ({"labels": {"objectset.rio.cattle.io/hash": "1f"}}, "managed-by-tool"),
    ({"labels": {"kapp.k14s.io/app": "1700"}}, "managed-by-tool"),
    ({"labels": {"kluctl.io/discriminator": "homelab"}}, "managed-by-tool"),
    ({"annotations": {"config.k8s.io/owning-inventory": "1f"}}, "managed-by-tool"),
    ({"labels": {"app.kubernetes.io/managed-by": "timoni"}}, "managed-by-tool"),
    ({"ownerReferences": [{"kind": "Photos", "name": "ours", "uid": "1"}]}, "owned-by-object"),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "code"), MANAGED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_another_tool_manages_is_not_adopted(metadata: Manifest, code: str) -> None:
    for adopting in (True, False):
        settings = configured(adoptExisting=adopting)
        assert problems(settings, marked(**metadata)) == [(code, str(INGRESS))]


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": HELM_LABEL},  # what ArgoCD renders of a chart
        {"labels": INSTANCE},
        {
            "managedFields": [
                managed("helm", SPEC),
                managed(ARGOCD, SPEC),
                managed("kustomize-controller", SPEC, "Apply"),
            ]
        },
        {"labels": {"app.kubernetes.io/managed-by": "pulumi"}, "managedFields": [managed("immich-icloud", SPEC)]},
        {"managedFields": [managed("HashiCorp", {"f:metadata": {"f:labels": {"f:team": {}}}})]},  # kubernetes_labels
        {"labels": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}},
        {"managedFields": [managed("terraform-provider-helm_v2.13.0_x5", SPEC)]},
        {"managedFields": [managed("HashiCorp", {"f:status": {}}) | {"subresource": "status"}]},
    ],
    ids=[
        "label of a chart",
        "instance",
        "after their hand-over",
        "label of this stack's provider",
        "labels by Terraform",
        "what Flux left",
        "once of Terraform's Helm",
        "status by Terraform",
    ],
)
def test_unmanaged_objects_are_adopted(metadata: Manifest) -> None:
    assert problems(configured(adoptExisting=True), marked(**metadata)) == []


def test_a_namespace_of_terraform_is_known_by_its_label() -> None:
    name: Manifest = {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}}
    live = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"managedFields": [managed("HashiCorp", name)]}}
    (finding,) = owners.findings(Ref("v1", "Namespace", "photo-sync"), live)
    assert finding.code == "managed-by-terraform"


def handover(**metadata: Any) -> Finding:
    (finding,) = found(configured(adoptExisting=False), marked(**metadata))
    return finding


@pytest.mark.parametrize(
    ("metadata", "steps"),
    [
        ({"labels": INSTANCE, "managedFields": [managed(ARGOCD, SPEC)]},
         ("Prune=false", "out of git",
          "kubectl annotate ingress immich-ingress -n immich argocd.argoproj.io/tracking-id-",
          "argocd.argoproj.io/instance-", "app.kubernetes.io/instance-", "adoptExisting")),
        ({"labels": {"kapp.k14s.io/app": "1700"}},
         ("kubectl label ingress immich-ingress -n immich kapp.k14s.io/app-", "out of the files", "adoptExisting")),
        ({"annotations": {"config.k8s.io/owning-inventory": "1f"}},
         ("kubectl annotate ingress immich-ingress -n immich config.k8s.io/owning-inventory-", "adoptExisting")),
        ({"labels": FLUX}, ("prune: disabled", "flux reconcile kustomization apps -n flux-system", "out of git",
                            "kubectl label ingress immich-ingress -n immich kustomize.toolkit.fluxcd.io/name-",
                            "adoptExisting")),
        ({"labels": RELEASE, "annotations": HELM},
         ("kubectl annotate ingress immich-ingress -n immich helm.sh/resource-policy=keep", "HelmRelease, in git",
          "flux reconcile helmrelease immich -n media", "meta.helm.sh/release-name-", "helm.toolkit.fluxcd.io/name-",
          "adoptExisting")),
        ({"annotations": HELM}, ("helm.sh/resource-policy=keep", "values of the chart", "helm upgrade immich -n immich",
                                 "meta.helm.sh/release-name-", "managed-by-", "adoptExisting")),
        ({"managedFields": [managed("HashiCorp", SPEC)]}, ("terraform state rm", "managedFields", "adoptExisting")),
    ],
    ids=["ArgoCD", "kapp", "kpt", "Flux", "HelmRelease", "Helm", "Terraform"],
)  # fmt: skip
def test_each_tool_has_a_handover_in_its_own_order(metadata: Manifest, steps: tuple[str, ...]) -> None:
    said = handover(**metadata).remedy
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


def test_what_this_stack_made_and_a_tool_manages_now() -> None:
    live = live_of(planned(configured()), INGRESS)
    live[INGRESS]["metadata"]["labels"] = FLUX
    assert problems(configured(), live) == [("managed-by-flux", str(INGRESS))]


def test_what_belongs_to_another_stack_is_reported_first() -> None:
    live = marked(labels=FLUX, annotations={"immich-icloud/stack": "immich-icloud/other"})
    assert [code for code, _ in problems(configured(), live)] == ["of-another-stack", "managed-by-flux"]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"annotations": LAST_APPLIED}, [("applied-with-kubectl", f"{INGRESS}, {VOLUME}")]),
        ({"managedFields": [managed("kubectl", SPEC, "Apply")]}, [("applied-with-kubectl", f"{INGRESS}, {VOLUME}")]),
        ({"managedFields": [managed("homelab", SPEC, "Apply")]}, [("applied-with-kubectl", f"{INGRESS}, {VOLUME}")]),
        (
            {"annotations": {"config.kubernetes.io/origin": "path: ingress.yaml"}},
            [("applied-with-kubectl", f"{INGRESS}, {VOLUME}")],
        ),
        (
            {"labels": {"app.kubernetes.io/managed-by": "kustomize-v5.6.0"}},
            [("applied-with-kubectl", f"{INGRESS}, {VOLUME}")],
        ),
        ({"managedFields": [managed("kubectl-edit", SPEC)]}, []),
        ({"managedFields": [managed("kustomize-controller", SPEC, "Apply")]}, []),
    ],
    ids=["apply", "server-side apply", "of another name", "origin", "kustomize", "edit", "once Flux's"],
)
def test_what_kubectl_apply_would_write_again_is_told_once(metadata: Manifest, told: list[Told]) -> None:
    live = marked(INGRESS, **metadata) | marked(VOLUME, **metadata)
    said = warnings(configured(adoptExisting=True), live)
    assert [one for one in said if one[0] == "applied-with-kubectl"] == told
