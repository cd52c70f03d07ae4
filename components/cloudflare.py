"""Public access: an Access policy, a rule or a tunnel, and last the name that leads there.

Importing its resources takes half a second and 60 MB: this module is imported only by a stack that is on Cloudflare.
"""

import pulumi
from pydantic import SecretStr

from clients.ingress_rules import Rule
from components import cloudflare_resources as cloudflare
from components.access import ImmichAccess
from components.connector import Connector, TunnelConnector
from components.public_access import PublicAccess, Record, tunnel_host
from providers.adopted_record import AdoptedRecord, RecordTarget
from providers.tunnel_file_rule import TunnelFileRule
from providers.tunnel_rules import TunnelRules

_Ingress = cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressArgs
# cloudflared's names, and the provider's.
_ARGUMENTS = {
    "caPool": "ca_pool", "http2Origin": "http2_origin", "httpHostHeader": "http_host_header",
    "matchSNItoHost": "match_sn_ito_host", "noTLSVerify": "no_tls_verify", "originServerName": "origin_server_name",
}  # fmt: skip


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

    def __init__(
        self, prefix: str, public_access: PublicAccess, connector: Connector | None, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("immich-icloud:index:CloudflareRoute", f"{prefix}cloudflare", None, opts)
        self.access = self.tunnel_id = None
        target: pulumi.Input[str] | None = public_access.record.content
        before: list[pulumi.Resource] = []

        def after() -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(before))

        # Access comes first and goes last: the zone may have a record for every host (`*`), so that a rule is enough to
        # lead people in. The record comes before every write that moves requests: when the host changes, a record that
        # Cloudflare refuses leaves the old host as it is, and the old record goes only after the new host is served.
        if public_access.access:
            self.access = ImmichAccess(f"{prefix}access", public_access, public_access.access, after())
            before.append(self.access)
        tunnel = OwnTunnel(prefix, public_access, after()) if public_access.own_tunnel else None
        if tunnel:
            before.append(tunnel.made)
            self.tunnel_id = tunnel.id
            target = tunnel.id.apply(tunnel_host)
        wanted = (public_access.record, *(page.record for page in public_access.pages))
        record, *pages = (_record(prefix, one, public_access.zone.id, target, after()) for one in wanted)
        before += [record, *pages]
        if public_access.rules:
            TunnelRules(f"{prefix}cloudflare-rules", public_access.rules, after())
            self.tunnel_id = pulumi.Output.from_input(public_access.rules.tunnel_id)
        if public_access.file_rule:
            TunnelFileRule(f"{prefix}cloudflare-file-rule", public_access.file_rule, after())
        if tunnel and connector:
            tunnel.lead(connector, record, *pages)
        self.record_target = record.content.apply(str)


def _record(
    prefix: str, wanted: Record, zone_id: str, target: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> cloudflare.DnsRecord | AdoptedRecord:
    if wanted.adopted_id and target is not None:
        leads = RecordTarget(zone_id, wanted.adopted_id, wanted.name, wanted.type, target, wanted.proxied)
        return AdoptedRecord(f"{prefix}{wanted.resource}", leads, opts)
    own = pulumi.ResourceOptions(
        delete_before_replace=True,  # two records for one host would be refused
        import_=wanted.import_id,
        retain_on_delete=wanted.adopted,
    )
    return cloudflare.DnsRecord(
        f"{prefix}{wanted.resource}",
        zone_id=zone_id,
        name=wanted.name,
        type=wanted.type,
        content=target,
        proxied=wanted.proxied,
        ttl=1,  # automatic, the only one that a proxied record may have
        comment=wanted.comment,
        opts=pulumi.ResourceOptions.merge(opts, own),
    )


def _as_argument(rule: Rule) -> _Ingress:
    request = {_ARGUMENTS[name]: value for name, value in rule.get("originRequest", {}).items()}
    stated = cloudflare.ZeroTrustTunnelCloudflaredConfigConfigIngressOriginRequestArgs(**request)
    return _Ingress(hostname=rule["hostname"], service=rule["service"], origin_request=stated if request else None)


class OwnTunnel(pulumi.ComponentResource):
    """A tunnel of this stack. Where it leads comes later: the host's record comes in between.

    Attributes:
        id: its UUID.

    """

    id: pulumi.Output[str]

    def __init__(self, prefix: str, public_access: PublicAccess, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:OwnTunnel", f"{prefix}tunnel", None, opts)
        self._prefix, self._public_access = prefix, public_access
        self.made = cloudflare.ZeroTrustTunnelCloudflared(
            f"{prefix}tunnel-tunnel",
            account_id=public_access.zone.account_id,
            name=public_access.own_tunnel,
            config_src="cloudflare",
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.id = self.made.id

    def lead(self, connector: Connector, *records: pulumi.Resource) -> None:
        """Lead each host to its origin, and keep the tunnel connected."""
        account_id = self._public_access.zone.account_id
        rules = [self._public_access.rule, *(page.rule for page in self._public_access.pages)]
        configuration = cloudflare.ZeroTrustTunnelCloudflaredConfig(
            f"{self._prefix}tunnel-configuration",
            account_id=account_id,
            tunnel_id=self.id,
            source="cloudflare",
            config=cloudflare.ZeroTrustTunnelCloudflaredConfigConfigArgs(
                ingresses=[*map(_as_argument, rules), _Ingress(service="http_status:404")]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(records)),
        )
        found = cloudflare.get_zero_trust_tunnel_cloudflared_token_output(
            account_id=account_id, tunnel_id=self.id, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        # The engine marks no answer as secret (source: pulumi-terraform-bridge, pkg/pf/tfbridge/provider_invoke.go).
        token: pulumi.Output[str] = pulumi.Output.secret(found.apply(lambda answer: str(answer.token)))
        # A tunnel that is connected can't be deleted: its connector goes first.
        after = pulumi.ResourceOptions(parent=self, depends_on=[self.made, configuration])
        TunnelConnector(f"{self._prefix}connector", connector, self.id, token, after)
