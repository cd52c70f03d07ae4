"""What is registered without pulumi_cloudflare is what its own classes register."""

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_cloudflare as generated
import pytest
from pydantic.alias_generators import to_snake

from components import cloudflare_resources as ours
from tests.unit.recording import TUNNEL_TOKEN, registered

# What each is given in components/.
RESOURCES: dict[str, tuple[Callable[..., pulumi.Resource], dict[str, Any]]] = {
    "DnsRecord": (
        ours.DnsRecord,
        {
            "zoneId": "zone-id",
            "name": "immich.example.com",
            "type": "CNAME",
            "content": "example.com",
            "proxied": True,
            "ttl": 1,
            "comment": "immich-icloud",
        },
    ),
    "ZeroTrustTunnelCloudflared": (
        ours.Tunnel,
        {"accountId": "account-id", "name": "immich", "configSrc": "cloudflare"},
    ),
    "ZeroTrustTunnelCloudflaredConfig": (
        ours.TunnelConfiguration,
        {
            "accountId": "account-id",
            "tunnelId": "tunnel-id",
            "source": "cloudflare",
            "config": {"ingresses": [{"hostname": "immich.example.com", "service": "http://immich:2283"}]},
        },
    ),
    "ZeroTrustAccessServiceToken": (
        ours.AccessServiceToken,
        {"accountId": "account-id", "name": "app", "duration": "8760h"},
    ),
    "ZeroTrustAccessPolicy": (
        ours.AccessPolicy,
        {
            "accountId": "account-id",
            "name": "people",
            "decision": "allow",
            "includes": [
                {"serviceToken": {"tokenId": "token-id"}},
                {"email": {"email": "ann@example.com"}},
                {"emailDomain": {"domain": "example.org"}},
            ],
        },
    ),
    "ZeroTrustAccessApplication": (
        ours.AccessApplication,
        {
            "accountId": "account-id",
            "name": "immich",
            "type": "self_hosted",
            "domain": "immich.example.com",
            "policies": [{"id": "policy-id", "precedence": 1}],
        },
    ),
}


def snake(value: Any) -> Any:
    """The generated classes' names of inputs, at every depth."""
    if isinstance(value, Mapping):
        return {to_snake(key): snake(inner) for key, inner in value.items()}
    return [snake(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_resource_registers_what_the_generated_class_does(kind: str) -> None:
    made, stated = RESOURCES[kind]
    # Its id is no secret in the generated class.
    more = ["client_id"] if kind == "ZeroTrustAccessServiceToken" else None
    options = pulumi.ResourceOptions(additional_secret_outputs=more)
    mine = registered(lambda: {"urn": made("it", stated, pulumi.ResourceOptions()).urn}).one(kind)
    theirs = registered(lambda: {"urn": getattr(generated, kind)("it", opts=options, **snake(stated)).urn}).one(kind)
    assert mine == theirs
    assert mine.inputs == stated


def test_the_provider_registers_what_the_generated_one_does() -> None:
    def token() -> pulumi.Output[str]:
        return pulumi.Output.secret("a-token")

    mine = registered(lambda: {"urn": ours.provider("cloudflare", token()).urn}).one("cloudflare")
    theirs = registered(lambda: {"urn": generated.Provider("cloudflare", api_token=token()).urn}).one("cloudflare")
    assert mine == theirs
    assert mine.secrets == {"apiToken"}


def test_the_connectors_token_is_asked_as_the_generated_function_asks() -> None:
    mine = registered(lambda: {"token": ours.tunnel_token("account-id", "tunnel-id", pulumi.InvokeOutputOptions())})
    theirs = registered(
        lambda: {
            "token": generated.get_zero_trust_tunnel_cloudflared_token_output(
                account_id="account-id", tunnel_id="tunnel-id"
            ).token
        }
    )
    assert [(call.token, call.args) for call in mine.calls] == [(call.token, call.args) for call in theirs.calls]
    assert mine.outputs == theirs.outputs == {"token": TUNNEL_TOKEN}
    assert mine.secret_outputs == {"token"}
