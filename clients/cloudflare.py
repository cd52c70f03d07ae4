"""The few calls to Cloudflare's API beside Pulumi's own resources, through Cloudflare's official SDK."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from cloudflare import APIConnectionError, APIError, APIStatusError, Cloudflare
from pydantic import SecretStr

from text.visible import VisibleError

TOKEN_VARIABLE = "CLOUDFLARE_API_TOKEN"  # noqa: S105 (a variable's name)

# What a token needs, in the words of the dashboard's token page.
ZONE_READ = "Zone · Zone · Read"
DNS_EDIT = "Zone · DNS · Edit"
TUNNEL_EDIT = "Account · Cloudflare Tunnel · Edit"
ACCESS_EDIT = "Account · Access: Apps and Policies · Edit"
SERVICE_TOKENS_EDIT = "Account · Access: Service Tokens · Edit"

_TIMEOUT = 10.0  # seconds, of one request; a tunnel's lease has to outlast a read and a write
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY_REQUESTS, _SERVER_ERROR = 401, 403, 404, 429, 500
# Of an Authorization header that can't be one (6003, 6111), and of a token that is none (1000).
_NO_TOKEN = {1000, 6003, 6111}
# With the code and the status of a permission that is missing: an older part of the API, which serves the zones.
_NO_TOKEN_WORDS = "Invalid access token"  # noqa: S105 (words)

_TOKEN = re.compile(r"[\w-]+", re.ASCII)

Document = dict[str, Any]


class CloudflareError(VisibleError):
    """Cloudflare refused or could not be asked. `str()` is one sentence for the user."""


class RefusedError(CloudflareError):
    """The answer is no; nothing was changed."""


class MissingError(RefusedError):
    """There is no such thing."""


class UnansweredError(CloudflareError):
    """No answer, or none that tells whether a write was done: a time-out, a server error, too many requests.

    Attributes:
        retry_after: seconds that Cloudflare asks to wait; 0 when it does not say.

    """

    def __init__(self, message: str, retry_after: float = 0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True)
class Zone:
    """A zone: a domain with its records. `plan` is free, pro, business or enterprise."""

    id: str
    name: str
    account_id: str
    plan: str


@dataclass(frozen=True)
class Tunnel:
    """A Cloudflare tunnel.

    Attributes:
        id: its UUID.
        name: unique among the account's tunnels that are not deleted.
        remotely_managed: whether its configuration is Cloudflare's, and not a file beside cloudflared.
        deleted: whether it is gone; Cloudflare still lists it.

    """

    id: str
    name: str
    remotely_managed: bool
    deleted: bool


@dataclass(frozen=True)
class Connector:
    """A cloudflared that runs a tunnel: its version, and how many connections to Cloudflare's edge it has."""

    version: str
    connections: int


@dataclass(frozen=True)
class Configuration:
    """A tunnel's configuration: the document as Cloudflare sent it (None: there is none yet) and its version."""

    document: Document | None
    version: int


@dataclass(frozen=True)
class Record:
    """A DNS record."""

    id: str
    type: str
    name: str
    content: str
    proxied: bool
    comment: str

    def __str__(self) -> str:
        return f"{self.type} {self.name} → {self.content}"


@dataclass(frozen=True)
class ServiceToken:
    """A service token of Cloudflare Access."""

    name: str
    expires_at: datetime | None


def token(configured: SecretStr | None) -> str:
    """Find the API token: the stack's secret, or else the variable CLOUDFLARE_API_TOKEN.

    Raises:
        CloudflareError: when there is neither, or it can be none.

    """
    found = configured.get_secret_value() if configured else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not found:
        raise CloudflareError(
            "Cloudflare needs an API token: `pulumi config set --secret immich-icloud:cloudflareToken`, "
            f"or set the variable {TOKEN_VARIABLE}. docs/cloudflare.md lists its permissions"
        )
    if not _TOKEN.fullmatch(found):
        raise CloudflareError(
            "the Cloudflare API token can be none: a token has only letters, digits, - and _. Copy it again, without "
            "quotes or spaces"
        )
    return found


class CloudflareApi:
    """Cloudflare's API, as one token may use it."""

    def __init__(self, token: str, http_client: httpx.Client | None = None) -> None:
        """Keep the token; nothing is asked yet. The SDK takes another address from CLOUDFLARE_BASE_URL."""
        self._client = Cloudflare(api_token=token, timeout=_TIMEOUT, http_client=http_client)
        self._once = self._client.with_options(max_retries=0)
        for client in (self._client, self._once):
            # The SDK would prefer what it finds of older credentials in the environment, and looks again for a copy.
            client.api_email = client.api_key = client.user_service_key = None

    def zone_of(self, host: str) -> Zone | None:
        """Find the zone that a host lies in; None when the token sees none."""
        with _asked(ZONE_READ, "the zones"):
            around = [zone for zone in self._client.zones.list() if f".{host}".endswith(f".{zone.name}")]
        closest = max(around, key=lambda zone: len(zone.name), default=None)
        if closest is None:
            return None
        return Zone(closest.id, closest.name, closest.account.id or "", closest.plan.legacy_id or "")

    def tunnels(self, account_id: str) -> list[Tunnel]:
        """List the account's tunnels, deleted ones included."""
        with _asked(TUNNEL_EDIT, "the account's tunnels"):
            return [
                Tunnel(
                    id=str(tunnel.id),
                    name=str(tunnel.name),
                    remotely_managed=tunnel.config_src == "cloudflare",
                    deleted=tunnel.deleted_at is not None,
                )
                for tunnel in self._client.zero_trust.tunnels.cloudflared.list(account_id=account_id)
            ]

    def connectors(self, account_id: str, tunnel_id: str) -> list[Connector]:
        """List the cloudflared processes that run a tunnel."""
        with _asked(TUNNEL_EDIT, f"the connectors of tunnel {tunnel_id}"):
            return [
                Connector(client.version or "", len(client.conns or []))
                for client in self._client.zero_trust.tunnels.cloudflared.connections.get(
                    tunnel_id, account_id=account_id
                )
            ]

    def configuration(self, account_id: str, tunnel_id: str) -> Configuration | None:
        """Read a tunnel's configuration; None when there is no such tunnel."""
        configurations = self._client.zero_trust.tunnels.cloudflared.configurations.with_raw_response
        try:
            with _asked(TUNNEL_EDIT, f"the configuration of tunnel {tunnel_id}"):
                answer = configurations.get(tunnel_id, account_id=account_id)
        except MissingError:
            return None
        return _configuration(answer.http_response)

    def replace_configuration(self, account_id: str, tunnel_id: str, document: Document) -> Configuration:
        """Write a tunnel's whole configuration, once: sent again, it could be of yesterday.

        Raises:
            UnansweredError: when it may have been written, or not.
            RefusedError: when it was not.

        """
        configurations = self._once.zero_trust.tunnels.cloudflared.configurations.with_raw_response
        with _asked(TUNNEL_EDIT, f"a change of the configuration of tunnel {tunnel_id}"):
            # As it is: the SDK would translate keys that it knows, and this may hold keys that it does not.
            answer = configurations.update(tunnel_id, account_id=account_id, extra_body={"config": document})
        return _configuration(answer.http_response)

    def records(self, zone_id: str, host: str) -> list[Record]:
        """List the records that say where a host is: A, AAAA and CNAME."""
        with _asked(DNS_EDIT, f"the DNS records of {host}"):
            return [
                Record(
                    id=record.id,
                    type=record.type,
                    name=record.name,
                    content=str(record.content),
                    proxied=bool(record.proxied),
                    comment=record.comment or "",
                )
                for record in self._client.dns.records.list(zone_id=zone_id, name={"exact": host})
                if record.type in {"A", "AAAA", "CNAME"}
            ]

    def access_applications(self, account_id: str, host: str) -> list[str]:
        """List the names of the Access applications that guard a host."""
        with _asked(ACCESS_EDIT, "the Access applications"):
            return [
                str(application.name)
                for application in self._client.zero_trust.access.applications.list(account_id=account_id)
                if getattr(application, "domain", None) == host
            ]

    def service_tokens(self, account_id: str) -> list[ServiceToken]:
        """List the service tokens of Access."""
        with _asked(SERVICE_TOKENS_EDIT, "the Access service tokens"):
            return [
                ServiceToken(str(token.name), token.expires_at)
                for token in self._client.zero_trust.access.service_tokens.list(account_id=account_id)
            ]


def _configuration(response: httpx.Response) -> Configuration:
    # The JSON as it came: what the SDK does not know has to be written back, too.
    result = response.json()["result"]
    return Configuration(result.get("config"), int(result["version"]))


@contextmanager
def _asked(permission: str, what: str) -> Iterator[None]:
    """Turn the SDK's errors into sentences."""
    try:
        yield
    except APIStatusError as error:
        raise _refusal(error, permission, what) from None
    except APIConnectionError as error:
        raise UnansweredError(f"Cloudflare does not answer (asked for {what}): {error.message}") from None


def _refusal(error: APIStatusError, permission: str, what: str) -> CloudflareError:
    codes = {detail.code for detail in error.errors or []}
    words = [f"{(detail.message or '').strip()} ({detail.code})" for detail in error.errors or []]
    said = "; ".join(words) or f"{error.status_code}"
    if error.status_code == _TOO_MANY_REQUESTS or error.status_code >= _SERVER_ERROR:
        return UnansweredError(f"Cloudflare is busy (asked for {what}): {said}", _retry_after(error))
    if error.status_code == _UNAUTHORIZED or codes & _NO_TOKEN or _NO_TOKEN_WORDS in said:
        return RefusedError(
            "Cloudflare does not know the API token: it is mistyped, expired or revoked. Make one at "
            "dash.cloudflare.com/profile/api-tokens, then `pulumi config set --secret immich-icloud:cloudflareToken`, "
            f"or set {TOKEN_VARIABLE}. Cloudflare's words: {said}",
        )
    if error.status_code == _FORBIDDEN:
        return RefusedError(
            f"the Cloudflare API token is not enough for {what}: it needs the permission {permission}, for this "
            f"account and zone. Cloudflare's words: {said}",
        )
    refused = MissingError if error.status_code == _NOT_FOUND else RefusedError
    return refused(f"Cloudflare refuses {what}: {said}")


def _retry_after(error: APIError) -> float:
    text = error.response.headers.get("retry-after", "") if isinstance(error, APIStatusError) else ""
    try:
        return float(text)
    except ValueError:
        return 0
