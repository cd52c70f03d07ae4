"""Where a tunnel leads, and how cloudflared calls it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from settings.model import (
    AbsolutePath,
    Allowed,
    Backend,
    Example,
    Hostname,
    Label,
    Model,
    Omittable,
    Port,
    Switch,
    in_punycode,
    refuse,
)

_NAME = r"[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?"
_HOST = rf"({_NAME}(\.{_NAME})*|\[[0-9a-f:.]+\])"
PORTS: Mapping[str, int] = {"http": 80, "https": 443}


def _with_a_host(url: str) -> str:
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise PydanticCustomError("no_url", "not a URL") from None
    return url


OriginUrl = Annotated[
    str,
    Field(pattern=rf"^https?://{_HOST}(:[1-9][0-9]{{0,4}})?$", max_length=253),
    BeforeValidator(in_punycode),
    AfterValidator(_with_a_host),
    Allowed(
        "http:// or https://, a host or an address in lower case, and a port unless it is 80 or 443; no path, as "
        "requests keep their own",
        "https://192.168.1.10:8443",
    ),
]
HostHeader = Annotated[
    str,
    Field(pattern=rf"^{_HOST}(:[1-9][0-9]{{0,4}})?$", max_length=253),
    BeforeValidator(in_punycode),
    Allowed("a host name in lower case, with a port where the origin wants one", "immich.example.com"),
]
Duration = Annotated[
    str,
    Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", max_length=20),
    Allowed("a duration with its unit (ms, s, m, h)", "30s"),
]
_PLACE = ("namespace", "service", "port", "scheme")
_SHAPE: JsonDict = {
    "dependentRequired": {"namespace": ["service"], "service": ["namespace"], "port": ["service"]},
    "dependentSchemas": {"url": {"properties": dict.fromkeys(_PLACE, False)}},
}


class TunnelOrigin(Model):
    """Where the tunnel leads: Immich's Service, another Service of the cluster, or a URL; and how it is called."""

    not_offered: ClassVar[Mapping[str, str]] = {
        "path": "A tunnel changes no path: requests keep their own.",
        "connectTimeout": "With one in a configuration at Cloudflare, cloudflared fails connections at once (its issue "
        "1702). Its default is 30 s.",
        "caPool": "The file would have to lie beside that tunnel's cloudflared. Set originServerName or noTLSVerify, "
        "or use an ownTunnel or localTunnel.",
    }
    model_config = ConfigDict(json_schema_extra=_SHAPE)

    namespace: Annotated[
        Omittable[Label],
        Example("ingress-nginx"),
        Field(description="Namespace of the Service. Default: the tunnel leads to Immich's Service, past any ingress."),
    ] = None
    service: Annotated[
        Omittable[Label],
        Example("ingress-nginx-controller"),
        Field(description="The Service, such as the ingress controller's or the Gateway's. Default: Immich's."),
    ] = None
    port: Annotated[
        Omittable[Port], Example(80), Field(description="Its port. Default: 80, with scheme https 443.")
    ] = None
    scheme: Annotated[
        Omittable[Literal["http", "https"]], Field(description="What its port speaks. Default: http.")
    ] = None
    url: Annotated[
        Omittable[OriginUrl],
        Field(description="In place of a Service: what cloudflared calls. Needed where it runs outside the cluster."),
    ] = None
    http_host_header: Annotated[
        Omittable[HostHeader], Field(description="Host header of requests to it. Default: the host itself.")
    ] = None
    origin_server_name: Annotated[
        Omittable[Hostname],
        Example("ingress.example.com"),
        Field(description="Name in its certificate, and the one that it is asked for. Only over https."),
    ] = None
    match_sni_to_host: Annotated[
        Switch,
        Field(alias="matchSNItoHost", description="Ask for the certificate of the requested host. Only over https."),
    ] = False
    no_tls_verify: Annotated[
        Switch, Field(alias="noTLSVerify", description="Take any certificate of it. Only over https.")
    ] = False
    http2_origin: Annotated[Switch, Field(description="Speak HTTP/2 with it. Only over https.")] = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given, missing = ("namespace", "service") if self.namespace else ("service", "namespace")
        if bool(self.namespace) != bool(self.service):
            raise refuse(missing, None, f"both names of a Service, and {given} is given")
        beside = [name for name in _PLACE if getattr(self, name) is not None]
        if self.url and beside:
            raise refuse(beside[0], getattr(self, beside[0]), "either a Service or url, which says all of it")
        if self.port and not self.service:
            raise refuse("port", self.port, "a port beside service. That of Immich's Service is immich.service.port")
        return self

    @model_validator(mode="after")
    def _tls_over_https(self) -> Self:
        if not self.is_https:
            for name, value in self.request.items():
                if name in _OVER_HTTPS:
                    raise refuse(name, value, "only over https: set scheme: https, or an https:// url")
        return self

    @property
    def is_immichs(self) -> bool:
        """Whether it is Immich's own Service, past any route of the cluster."""
        return not (self.service or self.url)

    @property
    def is_https(self) -> bool:
        """Whether it is called over TLS."""
        return (self.scheme or urlsplit(self.url or "").scheme) == "https"

    @property
    def request(self) -> dict[str, Any]:
        """What a rule has to say of it, by cloudflared's names."""
        stated = {
            "httpHostHeader": self.http_host_header,
            "originServerName": self.origin_server_name,
            "matchSNItoHost": self.match_sni_to_host,
            "noTLSVerify": self.no_tls_verify,
            "http2Origin": self.http2_origin,
        }
        return {name: value for name, value in stated.items() if value}

    def backend(self, immich: Backend) -> Backend | None:
        """The Service; None for a URL."""
        if self.url:
            return None
        if self.namespace and self.service:
            return Backend(self.namespace, self.service, self.port or PORTS[self.scheme or "http"])
        return immich


_OVER_HTTPS = ("originServerName", "matchSNItoHost", "noTLSVerify", "http2Origin", "caPool")
Certificates = Annotated[
    str,
    Field(pattern=r"^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$", max_length=65536),
    Allowed("certificates in PEM, as a block of text", "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n"),
]


class OwnOrigin(TunnelOrigin):
    """Where a tunnel of this stack's own leads, and how it is called."""

    ca_pool: Annotated[
        Omittable[Certificates], Field(description="The authority that signed its certificate. Only over https.")
    ] = None

    @property
    def request(self) -> dict[str, Any]:
        """What a rule has to say of it, by cloudflared's names."""
        return {**super().request, **({"caPool": CA_FILE} if self.ca_pool else {})}


# Where the connector of a tunnel of this stack's own finds the authority.
CA_FILE = "/etc/origin-ca/ca.pem"


class LocalOrigin(TunnelOrigin):
    """Where a locally managed tunnel leads, and how it is called."""

    ca_pool: Annotated[
        Omittable[AbsolutePath],
        Example("/etc/cloudflared/ca.pem"),
        Field(description="The authority's certificate, as a file beside its cloudflared. Only over https."),
    ] = None
    connect_timeout: Annotated[
        Omittable[Duration], Field(description="How long a connection to it may take. Default: cloudflared's, 30s.")
    ] = None

    @property
    def request(self) -> dict[str, Any]:
        """What a rule has to say of it, by cloudflared's names."""
        further = {"caPool": self.ca_pool, "connectTimeout": self.connect_timeout}
        return {**super().request, **{name: value for name, value in further.items() if value}}
