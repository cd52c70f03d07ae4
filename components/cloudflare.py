"""The way in from the internet: a guard, a rule or a tunnel, and last the name that leads there.

Importing pulumi_cloudflare takes 1.5 s and 45 MB: this module is imported only by a stack that is on Cloudflare.
"""

import pulumi
import pulumi_cloudflare as cloudflare
from pydantic import SecretStr

from components.access import ImmichAccess
from components.connector import Connector, TunnelConnector
from components.way_in import WayIn, tunnel_host
from providers.tunnel_rules import TunnelRules


def provider(token: SecretStr | None) -> cloudflare.Provider:
    """Make the one explicit provider. Without a token of the stack's the plugin takes CLOUDFLARE_API_TOKEN."""
    secret = pulumi.Output.secret(token.get_secret_value()) if token else None
    return cloudflare.Provider("cloudflare", api_token=secret)


class CloudflareRoute(pulumi.ComponentResource):
    """Requests for the host from the internet reach Immich.

    Attributes:
        record_target: what the host's record points at.
        tunnel_id: the tunnel's UUID; None without one.
        access: the guard; None without one.

    """

    record_target: pulumi.Output[str]
    tunnel_id: pulumi.Output[str] | None
    access: ImmichAccess | None

    def __init__(self, name: str, way_in: WayIn, connector: Connector | None, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:CloudflareRoute", name, None, opts)
        self.access = self.tunnel_id = None
        target: pulumi.Input[str] | None = way_in.record.content
        before: list[pulumi.Resource] = []

        def after() -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(before))

        # The guard comes first and goes last: the zone may have a record for every host (`*`), so that a rule is enough
        # to lead people in. The name comes last and goes first: nobody is led to where nothing answers.
        if way_in.access:
            self.access = ImmichAccess("access", way_in, way_in.access, after())
            before.append(self.access)
        if way_in.rules:
            before.append(TunnelRules(f"{name}-rules", way_in.rules, after()))
            self.tunnel_id = pulumi.Output.from_input(way_in.rules.tunnel_id)
        if way_in.own_tunnel and connector:
            tunnel = OwnTunnel("tunnel", way_in, connector, after())
            before.append(tunnel)
            self.tunnel_id = tunnel.id
            target = tunnel.id.apply(tunnel_host)
        record = cloudflare.DnsRecord(
            f"{name}-record",
            zone_id=way_in.zone.id,
            name=way_in.record.name,
            type=way_in.record.type,
            content=target,
            proxied=way_in.record.proxied,
            ttl=1,  # automatic, the only one that a proxied record may have
            comment=way_in.record.comment,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                delete_before_replace=True,  # two records for one host would be refused
                import_=way_in.record.import_id,
                retain_on_delete=way_in.record.adopted,
            ),
        )
        self.record_target = record.content.apply(str)
        self.register_outputs({})


class OwnTunnel(pulumi.ComponentResource):
    """A tunnel of our own, its configuration, and its connector."""

    id: pulumi.Output[str]

    def __init__(self, name: str, way_in: WayIn, connector: Connector, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:OwnTunnel", name, None, opts)
        account_id = way_in.zone.account_id
        tunnel = cloudflare.ZeroTrustTunnelCloudflared(
            f"{name}-tunnel",
            account_id=account_id,
            name=way_in.own_tunnel,
            config_src="cloudflare",
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        configuration = cloudflare.ZeroTrustTunnelCloudflaredConfig(
            f"{name}-configuration",
            account_id=account_id,
            tunnel_id=tunnel.id,
            source="cloudflare",
            config={"ingresses": [{"hostname": way_in.host, "service": way_in.origin}, {"service": "http_status:404"}]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        found = cloudflare.get_zero_trust_tunnel_cloudflared_token_output(
            account_id=account_id, tunnel_id=tunnel.id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        # The engine has no secret answers (source: pulumi-terraform-bridge, pkg/pf/tfbridge/provider_invoke.go).
        token: pulumi.Output[str] = pulumi.Output.secret(found.apply(lambda answer: str(answer.token)))
        # A tunnel that is connected can't be deleted: its connector goes first.
        after = pulumi.ResourceOptions(parent=self, depends_on=[tunnel, configuration])
        TunnelConnector("connector", connector, tunnel.id, token, after)
        self.id = tunnel.id
        self.register_outputs({})
