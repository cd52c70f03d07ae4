"""A flat program that states what the stack's state has, as exported to the file BENCH_EXPORT.

It is what could be written by hand: each resource with its literal inputs, and the same imports, without
settings, observation, plan and preflight. Its resources are the stack's, names included: it shows no change.
"""

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi

_MODULES = (
    "pulumi_kubernetes",
    "components.cloudflare_resources",
    *("providers.disk_identity", "providers.fragment", "providers.immich_library", "providers.immich_settings"),
    "providers.tunnel_rules",
)


def state() -> None:
    """State every resource of the export."""
    for module in _MODULES:
        importlib.import_module(module)
    made: dict[str, pulumi.Resource] = {}
    for resource in _resources():
        type_, name = resource["type"], resource["urn"].rsplit("::", 1)[-1]
        inputs = {key: _value(value) for key, value in resource.get("inputs", {}).items() if key != "__internal"}
        provider = made.get(resource.get("provider", "").rpartition("::")[0])
        opts = pulumi.ResourceOptions(
            parent=made.get(resource.get("parent", "")),
            protect=resource.get("protect"),
            retain_on_delete=resource.get("retainOnDelete"),
            additional_secret_outputs=resource.get("additionalSecretOutputs"),
            provider=provider if isinstance(provider, pulumi.ProviderResource) else None,
        )
        if type_.startswith("pulumi:providers:"):
            made[resource["urn"]] = pulumi.ProviderResource(type_.rpartition(":")[2], name, inputs, opts)
        elif resource["custom"]:
            made[resource["urn"]] = pulumi.CustomResource(type_, name, inputs, opts)
        else:
            made[resource["urn"]] = pulumi.ComponentResource(type_, name, None, opts)


def _resources() -> Iterator[Mapping[str, Any]]:
    export = json.loads(Path(os.environ["BENCH_EXPORT"]).read_text())
    for resource in export["deployment"]["resources"]:
        is_engines = resource["type"] == "pulumi:pulumi:Stack" or resource["urn"].endswith("::default")
        if not is_engines and not resource.get("delete"):
            yield resource


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        if "plaintext" in value:  # a secret, as `pulumi stack export --show-secrets` has it
            return pulumi.Output.secret(json.loads(value["plaintext"]))
        return {key: _value(inner) for key, inner in value.items()}
    return [_value(inner) for inner in value] if isinstance(value, list) else value


state()
