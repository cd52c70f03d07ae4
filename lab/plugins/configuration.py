"""The provider's own inputs: what of them this stand-in takes, and what a change of them means.

Source of the names and rules: pulumi-kubernetes 4.32.0, sdk/python/pulumi_kubernetes/provider.py and
provider/pkg/provider/provider.go (CheckConfig, DiffConfig, Configure). The SDK sends booleans as the strings
"true" and "false".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_PREFIX: Final = "kubernetes:config:"
_NEEDED: Final = ("enableServerSideApply", "upsertExistingObjects", "enablePatchForce")
_KNOWN: Final = {"kubeconfig", "context", "clusterIdentifier", "version", *_NEEDED}


@dataclass(frozen=True)
class Configuration:
    """One provider's configuration."""

    kubeconfig: Path
    context: str
    """Empty: the kubeconfig's current one."""

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Read what the engine sends to Configure: `kubernetes:config:<input>` to text."""
        return cls(
            kubeconfig=Path(variables.get(_PREFIX + "kubeconfig", "")), context=variables.get(_PREFIX + "context", "")
        )


def refusals(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return, by input, why this stand-in can't take it; the real plugin would."""
    reasons = {
        name: f"the lab's Kubernetes stand-in does not know {name!r}: remove it, or install the real plugin"
        for name, value in inputs.items()
        if name not in _KNOWN and not name.startswith("__") and value not in (None, "", False, "false")
    }
    for name in _NEEDED:
        if inputs.get(name) not in (True, "true"):
            reasons[name] = f"the lab's Kubernetes stand-in works only with {name}: set it to true"
    for name in ("kubeconfig", "clusterIdentifier"):
        if inputs.get(name) in (None, ""):
            reasons[name] = f"the lab's Kubernetes stand-in needs {name!r}"
    return reasons


def compare(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Name the provider inputs that differ, and those that replace the provider and every resource.

    With a `clusterIdentifier` that stays, nothing replaces.
    """
    changed = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
    before, after = olds.get("clusterIdentifier"), news.get("clusterIdentifier")
    replaces = ["clusterIdentifier"] if before and after and before != after else []
    return changed, replaces
