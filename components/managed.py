"""Registers an object that this stack manages fully: one of any kind, made or adopted, protected or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.batch.v1 import CronJob, Job
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace, PersistentVolume, PersistentVolumeClaim, Secret, Service
from pulumi_kubernetes.networking.v1 import Ingress, NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget
from pydantic import SecretStr

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership
from providers.fragment import Fragment

_CLASSES: Final[Mapping[str, Callable[..., pulumi.CustomResource]]] = {
    each.__name__: each
    for each in (
        ConfigMap, CronJob, Deployment, Ingress, Job, Namespace, NetworkPolicy, PersistentVolume, PersistentVolumeClaim,
        PodDisruptionBudget, Secret, Service, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    )
}  # fmt: skip


@dataclass(frozen=True)
class SecretObject:
    """A Secret; its data is no part of its manifest, of which dry runs and previews are made."""

    manifest: Manifest
    data: Mapping[str, SecretStr]

    @property
    def stated(self) -> Manifest:
        """The manifest with its data."""
        data = {key: pulumi.Output.secret(value.get_secret_value()) for key, value in self.data.items()}
        return {**self.manifest, "stringData": data}


def register(
    name: str,
    manifest: Manifest,
    opts: pulumi.ResourceOptions,
    owner: Ownership | None = None,
    *,
    protect: bool = False,
) -> pulumi.CustomResource:
    """Register an object as the resource `name`.

    Args:
        name: the resource's name; states know it by that.
        manifest: the object, as Kubernetes spells it.
        opts: its parent, and what comes before it.
        owner: whose it is, where it may be adopted: then removal keeps it, without this stack's annotations.
        protect: whether removal needs permission.

    """
    adopted = owner is not None and Ref.of(manifest) in owner.adopted
    own = pulumi.ResourceOptions(retain_on_delete=adopted, protect=protect)
    made = _resource(name, manifest, pulumi.ResourceOptions.merge(opts, own))
    if owner and adopted:
        # No child of the object's resource: it would inherit `retain_on_delete`.
        beside = pulumi.ResourceOptions(parent=opts.parent, depends_on=[made], aliases=opts.aliases)
        Fragment(f"{name}-mark", owner.claim(owner.marks_on(manifest)), beside)
    return made


def _resource(name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.CustomResource:
    stated: dict[str, Any] = {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}
    if make := _CLASSES.get(manifest["kind"]):
        if "stringData" in stated:
            stated["string_data"] = stated.pop("stringData")
        return make(name, opts=opts, **stated)
    return CustomResource(name, manifest["apiVersion"], manifest["kind"], opts=opts, **stated)
