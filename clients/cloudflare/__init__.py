"""Cloudflare's API, and what is read of it."""

from clients.cloudflare.answers import (
    AccessApplication,
    AccessPolicy,
    Configuration,
    Connector,
    Document,
    Record,
    ServiceToken,
    Tunnel,
    Zone,
)
from clients.cloudflare.api import CloudflareApi
from clients.cloudflare.api_token import (
    ACCESS_EDIT,
    ACCESS_READ,
    CERTIFICATES_READ,
    DNS_EDIT,
    SERVICE_TOKENS_EDIT,
    TUNNEL_EDIT,
    ZONE_READ,
    token,
)
from clients.cloudflare.errors import (
    TOKEN_VARIABLE,
    CloudflareError,
    CloudflareRefusedError,
    MissingError,
    UnansweredError,
)

__all__ = [
    "ACCESS_EDIT",
    "ACCESS_READ",
    "CERTIFICATES_READ",
    "DNS_EDIT",
    "SERVICE_TOKENS_EDIT",
    "TOKEN_VARIABLE",
    "TUNNEL_EDIT",
    "ZONE_READ",
    "AccessApplication",
    "AccessPolicy",
    "CloudflareApi",
    "CloudflareError",
    "CloudflareRefusedError",
    "Configuration",
    "Connector",
    "Document",
    "MissingError",
    "Record",
    "ServiceToken",
    "Tunnel",
    "UnansweredError",
    "Zone",
    "token",
]
