"""The provider's own inputs: what of them this stand-in takes, and what a change of them means.

Source of the names and rules: pulumi-kubernetes 4.32.0, sdk/python/pulumi_kubernetes/provider.py and
provider/pkg/provider/provider.go (CheckConfig, DiffConfig, Configure). The SDK sends booleans as the strings
"true" and "false".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from lab.plugins.properties import UNKNOWN

_PREFIX: Final = "kubernetes:config:"
_REFUSED: Final = ("alwaysRender", "cluster", "deleteUnreachable", "renderYamlToDirectory", "skipUpdateUnreachable")
_WHICH_CLUSTER: Final = ("kubeconfig", "context", "cluster")


@dataclass(frozen=True)
class Configuration:
    """One provider's configuration."""

    kubeconfig: str
    """A path, or the contents of the file."""
    context: str
    """Empty: the kubeconfig's current one."""
    namespace: str
    """For objects without one; empty: the context's."""
    upsert: bool
    patch_force: bool
    mutable_secrets: bool
    mutable_config_maps: bool

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> Self:
        """Read what the engine sends to Configure: `kubernetes:config:<input>` to text."""

        def flag(name: str) -> bool:
            return variables.get(_PREFIX + name) == "true"

        return cls(
            kubeconfig=variables.get(_PREFIX + "kubeconfig", ""),
            context=variables.get(_PREFIX + "context", ""),
            namespace=variables.get(_PREFIX + "namespace", ""),
            upsert=flag("upsertExistingObjects"),
            patch_force=flag("enablePatchForce"),
            mutable_secrets=flag("enableSecretMutable"),
            mutable_config_maps=flag("enableConfigMapMutable"),
        )


@dataclass(frozen=True)
class ConfigurationDiff:
    """Which inputs changed, and which of those mean another cluster."""

    changed: list[str]
    replaces: list[str]


def refusals(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return, by input, why this stand-in can't take it; the real plugin would."""
    reasons = {
        name: f"the lab's Kubernetes stand-in does not know {name!r}: remove it, or install the real plugin"
        for name in _REFUSED
        if inputs.get(name) not in (None, "", False, "false")
    }
    if inputs.get("enableServerSideApply") in (False, "false"):
        reasons["enableServerSideApply"] = "the lab's Kubernetes stand-in only does server-side apply: remove it"
    if inputs.get("kubeconfig") in (None, ""):
        reasons["kubeconfig"] = "the lab's Kubernetes stand-in needs a kubeconfig: give a path or the contents"
    return reasons


def compare(olds: Mapping[str, Any], news: Mapping[str, Any]) -> ConfigurationDiff:
    """Compare two sets of provider inputs.

    With a `clusterIdentifier` that stays, nothing replaces; one that changes does. Without one, another active cluster
    in the kubeconfig (server address or certificate authority) replaces, and so with it every resource.
    """
    changed = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
    before, after = olds.get("clusterIdentifier"), news.get("clusterIdentifier")
    replaces = []
    if before and after:
        if before != after:
            replaces = ["clusterIdentifier"]
    elif unknown := [key for key in _WHICH_CLUSTER if news.get(key) is UNKNOWN]:
        replaces = unknown[:1]
    else:
        old, new = active_cluster(olds), active_cluster(news)
        if old and new and old != new:
            replaces = [key for key in _WHICH_CLUSTER if key in changed]
    return ConfigurationDiff(changed, replaces)


def active_cluster(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kubeconfig's entry of the cluster in use; empty if there is none."""
    kubeconfig = load_kubeconfig(str(inputs.get("kubeconfig") or ""))
    context = active_context(kubeconfig, str(inputs.get("context") or ""))
    return _named(kubeconfig, "clusters", "cluster", context.get("cluster"))


def active_context(kubeconfig: Mapping[str, Any], context: str) -> dict[str, Any]:
    """Return the kubeconfig's entry of the named context, or of its current one; empty if there is none."""
    return _named(kubeconfig, "contexts", "context", context or kubeconfig.get("current-context"))


def kubeconfig_path(kubeconfig: str) -> Path | None:
    """Return the path if it is one of a file that exists, as the real plugin tells path and contents apart."""
    try:
        path = Path(kubeconfig).expanduser()
        return path if kubeconfig and path.is_file() else None
    except (OSError, RuntimeError):  # contents, too long for a path or with a tilde of their own
        return None


def load_kubeconfig(kubeconfig: str) -> dict[str, Any]:
    """Parse a kubeconfig given by path or contents.

    Raises:
        ValueError: it is neither.
    """
    path = kubeconfig_path(kubeconfig)
    try:
        loaded = yaml.safe_load(path.read_text() if path else kubeconfig)
    except yaml.YAMLError:
        raise ValueError("kubeconfig is neither a file nor YAML") from None  # its message would quote credentials
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ValueError(f"kubeconfig {kubeconfig!r} does not exist")  # noqa: TRY004 (a value, in the user's eyes)
    return loaded


def _named(kubeconfig: Mapping[str, Any], plural: str, singular: str, name: object) -> dict[str, Any]:
    for entry in kubeconfig.get(plural) or []:
        if entry.get("name") == name:
            return dict(entry.get(singular) or {})
    return {}
