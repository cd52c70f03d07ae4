"""Registers an object that this stack manages fully: one of any kind, made or adopted, protected or not."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pydantic import SecretStr

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership
from providers.fragment import Fragment


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
    """Register it as pulumi_kubernetes does, whose classes take a manifest unchecked: importing them takes 0.3 s."""
    version, kind = manifest["apiVersion"], manifest["kind"]
    if kind == "Secret":
        manifest = {**manifest, "stringData": pulumi.Output.secret(manifest["stringData"])}
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
        opts = pulumi.ResourceOptions.merge(opts, hidden)
    group = version if "/" in version else f"core/{version}"
    return pulumi.CustomResource(f"kubernetes:{group}:{kind}", name, manifest, opts)
