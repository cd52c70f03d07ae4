"""How Cloudflare leads the internet to Immich: one union, told apart by `kind`."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError, model_validator

from settings.model import Allowed, Hostname, Label, Model, NonEmpty, OwnNamespace, Port, Switch, not_allowed, refuse

RecordType = Literal["A", "AAAA", "CNAME"]

CloudflareId = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{32}$"),
    Allowed(
        "an id of 32 hexadecimal digits, as the zone's overview in the dashboard shows it",
        "023e105f4ecef8ad9ca31a8372d0c353",
    ),
]
Email = Annotated[
    str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"), Allowed("an e-mail address", "someone@example.com")
]


def _sendable(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not text or not all("!" <= character <= "~" for character in text):
        raise not_allowed("the API token as Cloudflare showed it: one word of printable ASCII")
    return token


# Longer than what Cloudflare hands out today, so that a token of tomorrow passes.
Token = Annotated[
    SecretStr,
    AfterValidator(_sendable),
    Allowed("a Cloudflare API token, stored with `pulumi config set --secret`", {"secure": "v1:..."}),
]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


_HOSTNAME = TypeAdapter(Hostname)
_ALLOWED_TARGETS = "an IPv4 address (A), an IPv6 address (AAAA) or a host name (CNAME)"


def _target(text: str) -> str:
    if _address(text) is None:
        try:
            _HOSTNAME.validate_python(text)
        except ValidationError:
            raise not_allowed(f'{_ALLOWED_TARGETS}, e.g. "home.example.com"') from None
    return text


class IngressController(Model):
    """The Service of the cluster's ingress controller, as a tunnel reaches it over http."""

    namespace: Annotated[
        Label,
        Allowed(
            "1 to 63 lower-case letters, digits and '-', starting and ending with a letter or digit", "ingress-nginx"
        ),
    ]
    service: Annotated[
        Label,
        Allowed(
            "1 to 63 lower-case letters, digits and '-', starting and ending with a letter or digit",
            "ingress-nginx-controller",
        ),
    ]
    port: Annotated[Port, Allowed("a port number from 1 to 65535", 80)] = 80


class Access(Model):
    """Cloudflare Access before Immich: people sign in, the mobile app brings a service token."""

    emails: Annotated[
        tuple[Email, ...],
        Field(description="People who may sign in."),
        Allowed("a list of e-mail addresses", ["someone@example.com"]),
    ] = ()
    email_domains: Annotated[
        tuple[Hostname, ...],
        Field(description="Everybody with an address of these domains may sign in."),
        Allowed("a list of domains", ["example.com"]),
    ] = ()

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.emails and not self.email_domains:
            raise refuse("emails", [], 'somebody, here or in emailDomains, e.g. ["someone@example.com"]')
        return self


class _OnCloudflare(Model):
    zone_id: Annotated[
        CloudflareId | None, Field(description="Zone of the host. Default: looked up by the host's name.")
    ] = None
    account_id: Annotated[CloudflareId | None, Field(description="Account of the zone. Default: the zone's.")] = None
    access: Annotated[Access | None, Field(description="Cloudflare Access before Immich. Default: none.")] = None

    @model_validator(mode="after")
    def _both_ids(self) -> Self:
        given, missing = ("zoneId", "accountId") if self.zone_id else ("accountId", "zoneId")
        if bool(self.zone_id) != bool(self.account_id):
            raise refuse(missing, None, f"both ids, or neither: {given} is given")
        return self


class _Tunnelled(_OnCloudflare):
    ingress_controller: Annotated[
        IngressController | None,
        Field(description="Where the tunnel leads. Default: to Immich's Service, past any ingress."),
    ] = None


class SharedTunnel(_Tunnelled):
    """A rule of ours in a remotely managed tunnel that others use too, and the DNS record that leads to it."""

    kind: Literal["sharedTunnel"]
    tunnel: Annotated[
        NonEmpty,
        Field(description="Name or id of the tunnel."),
        Allowed("the name or the id of a tunnel that exists", "homelab"),
    ]


class OwnTunnel(_Tunnelled):
    """A tunnel of this stack's own, with its connector in the cluster, and the DNS record that leads to it."""

    kind: Literal["ownTunnel"]
    tunnel: Annotated[
        NonEmpty,
        Field(description="Name of the tunnel. Made by this stack, and removed with it."),
        Allowed("a name that no tunnel of the account has", "immich"),
    ] = "immich"
    namespace: Annotated[
        OwnNamespace, Field(description="Namespace of cloudflared. Made by this stack, and removed with it.")
    ] = "cloudflared"


class DnsRecord(_OnCloudflare):
    """A DNS record of the host, to a target of yours or to that of a sibling host."""

    kind: Literal["dnsRecord"]
    target: Annotated[
        Annotated[str, AfterValidator(_target), Allowed(_ALLOWED_TARGETS, "home.example.com")] | None,
        Field(description="What the record points at; its type follows."),
    ] = None
    same_as: Annotated[
        Hostname | None,
        Field(description="Copy type, target and proxying of this host's record, which is in the same zone."),
        Allowed("a host of the same zone", "mealie.example.com"),
    ] = None
    proxied: Annotated[Switch, Field(description="Whether requests go through Cloudflare, or only names.")] = True

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if bool(self.target) == bool(self.same_as):
            raise refuse("target", self.target, "either target or sameAs, one of them")
        if self.same_as and "proxied" in self.model_fields_set:
            raise refuse("proxied", self.proxied, "no such key beside sameAs, which copies it")
        if self.access and not self.proxied:
            raise refuse("proxied", self.proxied, "true, or no access: Cloudflare Access sees only what is proxied")
        address = _address(self.target or "")
        if self.proxied and address and not address.is_global:
            raise refuse("target", self.target, "a public address: Cloudflare can't proxy to a private one")
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
    """Nothing at Cloudflare: somebody else leads the internet to the host."""

    kind: Literal["none"]


Cloudflare = Annotated[
    SharedTunnel | DnsRecord | OwnTunnel | NoCloudflare,
    Field(discriminator="kind"),
    Allowed(
        "a mapping with kind: sharedTunnel, dnsRecord, ownTunnel or none", {"kind": "sharedTunnel", "tunnel": "homelab"}
    ),
]
Tunnelled = SharedTunnel | OwnTunnel
OnCloudflare = SharedTunnel | OwnTunnel | DnsRecord
