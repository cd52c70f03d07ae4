"""The resources of Pulumi's Cloudflare provider that a stack may have.

pulumi_cloudflare can only be imported whole, for all of its 280 resources: 1.6 of the 7 s that a preview took. These
register what its classes do (tests/unit/test_cloudflare_resources.py); its version is that of the plugin.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar

import pulumi

# As the dashboard and the API name it, in the provider's schema.
_TOKEN_OF_TUNNEL = "getZeroTrustTunnelCloudflaredToken"  # noqa: S105 (a function's name)


def provider(name: str, api_token: pulumi.Output[str] | None) -> pulumi.ProviderResource:
    """Register the provider. Without a token the plugin takes CLOUDFLARE_API_TOKEN."""
    return pulumi.ProviderResource(
        "cloudflare",
        name,
        {"apiToken": api_token},
        _options(None, ["apiKey", "apiToken", "apiUserServiceKey"]),
    )


class _Resource(pulumi.CustomResource):
    _kind: ClassVar[str]
    _secrets: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, stated: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(_token(self._kind), name, dict(stated), _options(opts, [*self._secrets]))


class DnsRecord(_Resource):
    """Where a name leads."""

    _kind = "DnsRecord"
    content: pulumi.Output[str]


class Tunnel(_Resource):
    """A tunnel."""

    _kind = "ZeroTrustTunnelCloudflared"
    _secrets = ("tunnelSecret",)


class TunnelConfiguration(_Resource):
    """The whole configuration of a tunnel."""

    _kind = "ZeroTrustTunnelCloudflaredConfig"


class AccessServiceToken(_Resource):
    """A service token of Cloudflare Access."""

    _kind = "ZeroTrustAccessServiceToken"
    _secrets = ("clientId", "clientSecret")
    client_id: pulumi.Output[str]
    client_secret: pulumi.Output[str]

    def __init__(self, name: str, stated: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(name, {**stated, "client_id": None, "client_secret": None}, opts)

    def translate_output_property(self, prop: str) -> str:
        """Name the attribute that has an output."""
        return {"clientId": "client_id", "clientSecret": "client_secret"}.get(prop, prop)


class AccessPolicy(_Resource):
    """A policy of Cloudflare Access that applications can share."""

    _kind = "ZeroTrustAccessPolicy"


class AccessApplication(_Resource):
    """An application behind Cloudflare Access."""

    _kind = "ZeroTrustAccessApplication"


def tunnel_token(account_id: str, tunnel_id: pulumi.Input[str], opts: pulumi.InvokeOutputOptions) -> pulumi.Output[str]:
    """Ask for the secret by which a tunnel knows its connectors."""
    asked = {"accountId": account_id, "tunnelId": tunnel_id}
    package = pulumi.InvokeOptions(version=_version())
    answer: pulumi.Output[Mapping[str, Any]] = pulumi.runtime.invoke_output(
        _token(_TOKEN_OF_TUNNEL), asked, pulumi.InvokeOutputOptions.merge(package, opts)
    )
    # The engine has no secret answers (source: pulumi-terraform-bridge, pkg/pf/tfbridge/provider_invoke.go).
    return pulumi.Output.secret(answer.apply(lambda told: str(told["token"])))


def _token(name: str) -> str:
    return f"cloudflare:index/{name[0].lower()}{name[1:]}:{name}"


def _options(opts: pulumi.ResourceOptions | None, secrets: list[str]) -> pulumi.ResourceOptions:
    package = pulumi.ResourceOptions(version=_version(), additional_secret_outputs=secrets)
    return pulumi.ResourceOptions.merge(package, opts)


def _version() -> str:
    return version("pulumi-cloudflare")
