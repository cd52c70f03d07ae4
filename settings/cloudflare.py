"""How Cloudflare leads the internet to Immich: one union, told apart by `kind`."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from settings.model import (
    CONTROLS,
    Allowed,
    Example,
    Hostname,
    Label,
    Model,
    NonEmpty,
    ObjectName,
    Omittable,
    OwnNamespace,
    Switch,
    in_punycode,
    no_boolean,
    not_allowed,
    refuse,
)
from settings.origin import LocalOrigin, OwnOrigin, TunnelOrigin
from settings.resources import Resources
from settings.route import Key, LabelValue
from text.hostname import normal

RecordType = Literal["A", "AAAA", "CNAME"]

CloudflareId = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{32}$"),
    Allowed(
        "an id of 32 hexadecimal digits, as the zone's overview in the dashboard shows it",
        "023e105f4ecef8ad9ca31a8372d0c353",
    ),
]
# Immich takes one without a top-level domain, too; Cloudflare sends a code to these.
PublicEmail = Annotated[
    str,
    Field(pattern=rf"^[^@\s{CONTROLS}]+@[^@\s{CONTROLS}]+\.[^@\s.{CONTROLS}]+$", max_length=254),
    Allowed("an e-mail address", "someone@example.com"),
]
NodeLabel = Annotated[Key, Allowed("a label key, optionally with a DNS prefix", "kubernetes.io/arch")]
NodeLabelValue = Annotated[
    LabelValue,
    Allowed("a label's value: at most 63 letters, digits, '-', '_' and '.'; in quotes where it is a number", "amd64"),
]
Domain = Annotated[
    Hostname, Allowed("the domain of e-mail addresses, what stands behind the '@', in lower case", "example.com")
]


def _formed(token: SecretStr) -> SecretStr:
    # As Pulumi's provider takes it (source: terraform-provider-cloudflare, internal/provider.go).
    if not re.fullmatch(r"[0-9A-Za-z_-]{40,80}", token.get_secret_value()):
        raise PydanticCustomError("no_token", "not the form of a token")
    return token


Token = Annotated[
    SecretStr,
    AfterValidator(_formed),
    Allowed(
        "the API token as Cloudflare showed it (40 to 80 letters, digits, '-' and '_')",
        {"secure": "v1:..."},
    ),
]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)  # a zone (fe80::1%eth0) means something on one machine only
    except ValueError:
        return None


def into_tunnel(target: str) -> bool:
    """Whether a record's target is a tunnel, which Cloudflare leads only proxied requests to."""
    return normal(target).endswith(".cfargotunnel.com")


_HOSTNAME = TypeAdapter(Hostname)
_ALLOWED_TARGETS = "an IPv4 address (A), an IPv6 address (AAAA) or a full host name (CNAME), without scheme or port"


def _target(text: str) -> str:
    if address := _address(text):
        return str(address)  # in the form in which Cloudflare gives it back
    in_punycode(text)
    try:
        return _HOSTNAME.validate_python(text)
    except ValidationError:
        raise not_allowed(f'{_ALLOWED_TARGETS}, e.g. "home.example.com"') from None


Target = Annotated[
    str,
    AfterValidator(_target),
    Field(json_schema_extra={"anyOf": [_HOSTNAME.json_schema(), {"pattern": r"^[0-9A-Fa-f.:]+$"}]}),
    Allowed(_ALLOWED_TARGETS, "home.example.com"),
]


class Access(Model):
    """Cloudflare Access before Immich: people sign in, the mobile app brings a service token."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["emails"]}, {"required": ["emailDomains"]}]})

    emails: Annotated[
        tuple[PublicEmail, ...],
        Field(description="People who may sign in.", json_schema_extra={"minItems": 1}),
        Allowed("a list of e-mail addresses", ["someone@example.com"]),
    ] = ()
    email_domains: Annotated[
        tuple[Domain, ...],
        Field(description="Everybody with an address of these domains may sign in.", json_schema_extra={"minItems": 1}),
        Allowed("a list of domains", ["example.com"]),
    ] = ()

    @model_validator(mode="after")
    def _any_person(self) -> Self:
        if not self.emails and not self.email_domains:
            raise refuse("emails", None, 'at least one address, here or in emailDomains, e.g. ["someone@example.com"]')
        return self


_BOTH_IDS: JsonDict = {"dependentRequired": {"zoneId": ["accountId"], "accountId": ["zoneId"]}}


class _OnCloudflare(Model):
    model_config = ConfigDict(json_schema_extra=_BOTH_IDS)

    zone_id: Annotated[
        Omittable[CloudflareId], Field(description="Zone of the host. Default: looked up by the host's name.")
    ] = None
    account_id: Annotated[Omittable[CloudflareId], Field(description="The zone's account. Default: looked up.")] = None
    access: Annotated[Omittable[Access], Field(description="Cloudflare Access before Immich. Default: none.")] = None

    @model_validator(mode="after")
    def _both_ids(self) -> Self:
        given, missing = ("zoneId", "accountId") if self.zone_id else ("accountId", "zoneId")
        if bool(self.zone_id) != bool(self.account_id):
            raise refuse(missing, None, f"both ids or neither, and {given} is given")
        return self


class _Tunnelled(_OnCloudflare):
    not_offered: ClassVar[Mapping[str, str]] = {"ingressController": "Write in its place: origin: $value"}

    origin: TunnelOrigin = TunnelOrigin()


class SharedTunnel(_Tunnelled):
    """A rule of this stack in a remotely managed tunnel that others use too, and the DNS record that leads to it."""

    kind: Literal["sharedTunnel"]
    tunnel: Annotated[
        NonEmpty,
        Field(description="Name or id of the tunnel."),
        Allowed("the name or the id of a tunnel that exists", "homelab"),
    ]


class TunnelConfig(Model):
    """The ConfigMap or Secret that holds the configuration file of a cloudflared in the cluster."""

    namespace: Annotated[Label, Example("cloudflared")]
    name: Annotated[ObjectName, Example("cloudflared-config")]
    key: Annotated[
        str,
        Field(pattern=r"^[-._a-zA-Z0-9]{1,253}$", description="The file's key in it."),
        Allowed("a key of a ConfigMap or Secret", "config.yaml"),
    ] = "config.yaml"


class LocalTunnel(_Tunnelled):
    """A tunnel whose rules are in a file beside its cloudflared.

    The rule is written where the file has no other owner, and else printed and checked.
    """

    kind: Literal["localTunnel"]
    origin: LocalOrigin = LocalOrigin()
    tunnel: Annotated[
        Omittable[NonEmpty],
        Field(description="Name or id of the tunnel. Default: the one that cloudflared is told to run."),
        Allowed("the name or the id of a tunnel that exists", "homelab"),
    ] = None
    config: Annotated[
        Omittable[TunnelConfig],
        Field(description="Where its file is kept. Default: found by the workload that runs cloudflared."),
    ] = None
    edit: Annotated[
        Switch,
        Field(
            description="Whether the rule is written into a file that was applied with kubectl. "
            "The next `kubectl apply` takes it out."
        ),
    ] = False


class Cloudflared(Model):
    """How a tunnel of this stack's own is connected."""

    protocol: Annotated[
        Literal["auto", "quic", "http2"],
        Field(description="How it speaks to Cloudflare. `http2` where UDP does not get out."),
    ] = "auto"
    edge_ip_version: Annotated[
        Literal["auto", "ipv4", "ipv6"],
        Field(description="Which addresses of Cloudflare it calls. `ipv6` in a cluster without IPv4."),
    ] = "auto"
    replicas: Annotated[
        int,
        Field(ge=1, le=25, description="Number of pods. Cloudflare takes 25 at most."),
        BeforeValidator(no_boolean),
        Allowed("a number from 1 to 25", 2),
    ] = 2
    node_selector: Annotated[
        dict[NodeLabel, NodeLabelValue],
        Field(description="Labels that a node has to have for its pods. Default: any node."),
    ] = Field(default_factory=dict)
    metrics_from: Annotated[
        Omittable[Label],
        Example("monitoring"),
        Field(description="Namespace whose pods may read its metrics, at port 2000. Default: none."),
    ] = None
    resources: Annotated[Resources, Field(description="Of each of its pods.")] = Resources()


class OwnTunnel(_Tunnelled):
    """A tunnel of this stack's own, with its connector in the cluster, and the DNS record that leads to it."""

    kind: Literal["ownTunnel"]
    origin: OwnOrigin = OwnOrigin()
    tunnel: Annotated[
        NonEmpty,
        Field(description="Name of the tunnel. Made by this stack, and removed with it."),
        Allowed("a name that no tunnel of the account has", "immich"),
    ] = "immich"
    namespace: Annotated[
        OwnNamespace, Field(description="Namespace of cloudflared. Made by this stack, and removed with it.")
    ] = "cloudflared"
    cloudflared: Cloudflared = Cloudflared()


class DnsRecord(_OnCloudflare):
    """A DNS record of the host, to a target of yours or to that of a sibling host."""

    model_config = ConfigDict(
        json_schema_extra={
            **_BOTH_IDS,
            "oneOf": [{"required": ["target"]}, {"required": ["sameAs"]}],
            "dependentSchemas": {
                "sameAs": {"properties": {"proxied": False}},
                "access": {"properties": {"proxied": {"enum": [True, "true"]}}},
            },
        }
    )

    kind: Literal["dnsRecord"]
    target: Annotated[Omittable[Target], Field(description="What the record points at; its type follows.")] = None
    same_as: Annotated[
        Omittable[Hostname],
        Field(description="Copy type, target and proxying of this host's record, which is in the same zone."),
        Allowed("the full name of another host of the same zone, in lower case", "mealie.example.com"),
    ] = None
    proxied: Annotated[Switch, Field(description="Whether requests go through Cloudflare, or only names.")] = True

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if bool(self.target) == bool(self.same_as):
            raise refuse("target", self.target, "either target or sameAs, not both")
        if self.same_as and "proxied" in self.model_fields_set:
            raise refuse("proxied", self.proxied, "only beside target: sameAs copies it from the other host's record")
        if self.access and not self.proxied:
            raise refuse("proxied", self.proxied, "true, or no access: Cloudflare Access sees only what is proxied")
        if into_tunnel(self.target or "") and not self.proxied:
            raise refuse("proxied", self.proxied, "true: a record that is not proxied never leads into a tunnel")
        address = _address(self.target or "")
        if self.proxied and address and not address.is_global:
            raise refuse(
                "target", self.target, "a public address, or proxied: false: Cloudflare can't reach a private one"
            )
        return self

    @property
    def record_type(self) -> RecordType:
        """The type of a record to `target`."""
        match _address(self.target or ""):
            case IPv4Address():
                return "A"
            case IPv6Address():
                return "AAAA"
            case None:
                return "CNAME"


class NoCloudflare(Model):
    """Nothing at Cloudflare: the host is published by other means, or not at all."""

    kind: Literal["none"]


Cloudflare = Annotated[
    SharedTunnel | LocalTunnel | DnsRecord | OwnTunnel | NoCloudflare,
    Field(discriminator="kind"),
    Allowed(
        "a mapping with kind: sharedTunnel, localTunnel, dnsRecord, ownTunnel or none",
        {"kind": "sharedTunnel", "tunnel": "homelab"},
    ),
]
Tunnelled = SharedTunnel | LocalTunnel | OwnTunnel
OnCloudflare = SharedTunnel | LocalTunnel | OwnTunnel | DnsRecord
