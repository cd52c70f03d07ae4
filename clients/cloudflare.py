"""The few calls to Cloudflare's API beside Pulumi's own resources, through Cloudflare's official SDK."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

import httpx
from cloudflare import APIConnectionError, APIStatusError, Cloudflare
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError, field_validator, model_validator

from clients import retry
from clients.retry import TransientError, again
from text.hostname import lies_in, normal
from text.visible import VisibleError

TOKEN_VARIABLE = "CLOUDFLARE_API_TOKEN"  # noqa: S105 (a variable's name)

# What a token needs, in the words of the dashboard's token page.
ZONE_READ = "Zone · Zone · Read"
DNS_EDIT = "Zone · DNS · Edit"
CERTIFICATES_READ = "Zone · SSL and Certificates · Read"
TUNNEL_EDIT = "Account · Cloudflare Tunnel · Edit"
ACCESS_EDIT = "Account · Access: Apps and Policies · Edit"
ACCESS_READ = "Account · Access: Apps and Policies · Read"
SERVICE_TOKENS_EDIT = "Account · Access: Service Tokens · Edit"

_TIMEOUT = 10.0  # seconds, of one request; a tunnel's lease has to outlast a read and a write
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
# Of an Authorization header that can't be one (6003, 6111), and of a token that is none (1000).
_NO_TOKEN = {1000, 6003, 6111}
# With the code and the status of a permission that is missing: an older part of the API, which serves the zones.
_NO_TOKEN_WORDS = "Invalid access token"  # noqa: S105 (words)

_SETTING = "immich-icloud:cloudflareToken"
_NEW_TOKEN = (
    f"Create one at dash.cloudflare.com/profile/api-tokens, and store it as {_SETTING}, or set {TOKEN_VARIABLE}"
)

_TOKEN = re.compile(r"[\w-]+", re.ASCII)

Document = dict[str, Any]
T = TypeVar("T")


class CloudflareError(VisibleError):
    """Cloudflare refused or could not be asked. `str()` is one sentence for the user."""


class CloudflareRefusedError(CloudflareError):
    """The answer is no; nothing was changed."""


class MissingError(CloudflareRefusedError):
    """There is no such thing."""


class UnansweredError(CloudflareError, TransientError):
    """No answer, or none that tells whether a write was done: a time-out, a server error, too many requests.

    Attributes:
        retry_after: seconds that Cloudflare asks to wait; 0 when it does not say.

    """

    def __init__(self, message: str, retry_after: float = 0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True)
class Zone:
    """A zone: a domain with its records.

    Attributes:
        id: its id.
        name: its domain; empty where it may not be read.
        account_id: its account.
        plan: free, pro, business or enterprise; empty where it may not be read.
        status: active, or pending until the domain's name servers are Cloudflare's; empty where it may not be read.
        paused: whether nothing is proxied.

    """

    id: str
    name: str
    account_id: str
    plan: str
    status: str = ""
    paused: bool = False


@dataclass(frozen=True)
class Tunnel:
    """A Cloudflare tunnel.

    Attributes:
        id: its UUID.
        name: unique among the account's tunnels that are not deleted.
        config_src: who manages its rules, `cloudflare` or `local`; None where the answer lacks it.
        deleted: whether it is gone; Cloudflare still lists it.
        remote_config: the same in an older field. `tunnel_manager` judges both.

    """

    id: str
    name: str
    config_src: str | None
    deleted: bool
    remote_config: bool | None = None


@dataclass(frozen=True)
class Connector:
    """A cloudflared that runs a tunnel.

    Attributes:
        version: its version.
        connections: how many it has to Cloudflare's edge.
        id: its connectorId; empty where the answer lacks it.
        run_at: when it started; None where the answer lacks that.

    """

    version: str
    connections: int
    id: str = ""
    run_at: datetime | None = None


@dataclass(frozen=True)
class Configuration:
    """A tunnel's configuration.

    Attributes:
        document: as Cloudflare sent it; None: there is none yet.
        version: counts the writes.
        source: whose document it is, `cloudflare` or `local`; None where the answer lacks it.

    """

    document: Document | None
    version: int
    source: str | None = None


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
class AccessApplication:
    """An application of Cloudflare Access.

    Attributes:
        id: its id.
        name: its name.
        domains: what it guards: hosts, each with a path where it has one, and with `*` in both.
        is_open: whether it lets everybody past.

    """

    id: str
    name: str
    domains: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True)
class AccessPolicy:
    """A policy of Cloudflare Access that applications can share."""

    id: str
    name: str


@dataclass(frozen=True)
class ServiceToken:
    """A service token of Cloudflare Access."""

    id: str
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
            f"there is no API token of Cloudflare. Store one as {_SETTING}, or set {TOKEN_VARIABLE}. "
            "docs/cloudflare.md lists its permissions",
            secret=_SETTING,
        )
    if not _TOKEN.fullmatch(found):
        raise CloudflareError(
            "the Cloudflare API token is malformed: a token has only letters, digits, - and _. Copy it again, without "
            "quotes or spaces",
            secret=_SETTING if configured else "",
        )
    return found


class CloudflareApi:
    """Cloudflare's API, as one token may use it."""

    def __init__(self, token: str, http_client: httpx.Client | None = None) -> None:
        """Keep the token; nothing is asked yet. The SDK takes another address from CLOUDFLARE_BASE_URL."""
        self._client = Cloudflare(api_token=token, timeout=_TIMEOUT, max_retries=0, http_client=http_client)
        # The SDK would prefer what it finds of older credentials in the environment.
        self._client.api_email = self._client.api_key = self._client.user_service_key = None

    def zone_of(self, host: str) -> Zone | None:
        """Find the zone that a host lies in; None when the token sees none."""
        zones = self._list(_Zone, "/zones", ZONE_READ, "the zones")
        around = [zone.told for zone in zones if lies_in(host, zone.name)]
        return max(around, key=lambda zone: len(normal(zone.name)), default=None)

    def zone(self, zone_id: str) -> Zone | None:
        """Read a zone; None when it does not exist, or the token may not read it."""
        try:
            return self._get(_Zone, f"/zones/{zone_id}", ZONE_READ, f"the zone {zone_id}").result.told
        except CloudflareRefusedError:
            return None

    def delegations(self, zone_id: str, host: str) -> list[Record]:
        """List the NS records by which a host is another name server's: no other record can be beside them."""
        path, what = f"/zones/{zone_id}/dns_records", f"the DNS records of {host}"
        return [record.told for record in self._list(_Record, path, DNS_EDIT, what, {"name.exact": host, "type": "NS"})]

    def record_names(self, zone_id: str) -> list[str]:
        """List names of a zone's records: a page of them is enough to know its domain by."""
        path = f"/zones/{zone_id}/dns_records"
        records = self._get(list[_Record], path, DNS_EDIT, "the zone's DNS records", {"per_page": "100"}).result
        return [record.name for record in records]

    def certified_names(self, zone_id: str) -> list[str] | None:
        """List the names for which the zone has certificates at the edge; None when the token may not read them."""
        what, names = "the zone's certificates", list[str]()
        try:
            for path in (f"/zones/{zone_id}/ssl/certificate_packs", f"/zones/{zone_id}/custom_certificates"):
                for certificate in self._list(_Certificate, path, CERTIFICATES_READ, what):
                    names += (certificate.hosts or ()) if certificate.status in {None, "active"} else ()
        except CloudflareRefusedError:
            return None
        return names

    def tunnels(self, account_id: str) -> list[Tunnel]:
        """List the account's tunnels, deleted ones included."""
        path = f"/accounts/{account_id}/cfd_tunnel"
        return [tunnel.told for tunnel in self._list(_Tunnel, path, TUNNEL_EDIT, "the account's tunnels")]

    def tunnel(self, account_id: str, tunnel_id: str) -> Tunnel | None:
        """Read one tunnel, which may be deleted; None when there is no such tunnel."""
        path = f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}"
        try:
            return self._get(_Tunnel, path, TUNNEL_EDIT, f"the tunnel {tunnel_id}").result.told
        except MissingError:
            return None

    def connectors(self, account_id: str, tunnel_id: str) -> list[Connector]:
        """List the cloudflared processes that run a tunnel."""
        path = f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections"
        clients = self._get(list[_Client], path, TUNNEL_EDIT, f"the connectors of tunnel {tunnel_id}").result
        return [
            Connector(client.version or "", len(client.conns or []), client.id or "", client.run_at)
            for client in clients
        ]

    def configuration(self, account_id: str, tunnel_id: str) -> Configuration | None:
        """Read a tunnel's configuration; None when there is no such tunnel."""
        what = f"the configuration of tunnel {tunnel_id}"
        try:
            return self._get(_Configuration, _configurations(account_id, tunnel_id), TUNNEL_EDIT, what).result.told
        except MissingError:
            return None

    def replace_configuration(self, account_id: str, tunnel_id: str, document: Document) -> Configuration:
        """Write a tunnel's whole configuration, once: sent again, it could be of yesterday.

        Raises:
            UnansweredError: when it may have been written, or not.
            CloudflareRefusedError: when it was not.

        """
        with _asked(TUNNEL_EDIT, f"a change of the configuration of tunnel {tunnel_id}"):
            answer = self._client.put(
                _configurations(account_id, tunnel_id), cast_to=httpx.Response, body={"config": document}
            )
            return _Answer[_Configuration].model_validate_json(answer.content, strict=True).result.told

    def records(self, zone_id: str, host: str) -> list[Record]:
        """List the records that say where a host is: A, AAAA and CNAME."""
        path, what = f"/zones/{zone_id}/dns_records", f"the DNS records of {host}"
        found = self._list(_Record, path, DNS_EDIT, what, {"name.exact": host})
        return [record.told for record in found if record.is_address]

    def record(self, zone_id: str, record_id: str) -> Document | None:
        """Read one record as a whole; None when it is gone."""
        path = f"/zones/{zone_id}/dns_records/{record_id}"
        try:
            return self._get(Document, path, DNS_EDIT, f"the DNS record {record_id}").result
        except MissingError:
            return None

    def change_record(self, zone_id: str, record_id: str, change: Document) -> None:
        """Change what is named of a record, and nothing else; asked again where the answer is lost.

        Raises:
            CloudflareRefusedError: when it was not changed.

        """

        def asked() -> None:
            with _asked(DNS_EDIT, f"a change of the DNS record {record_id}"):
                self._client.patch(f"/zones/{zone_id}/dns_records/{record_id}", cast_to=httpx.Response, body=change)

        again(asked)

    def access_applications(self, account_id: str) -> list[AccessApplication]:
        """List the Access applications."""
        path = f"/accounts/{account_id}/access/apps"
        return [one.told for one in self._list(_Application, path, ACCESS_EDIT, "the Access applications")]

    def access_policies(self, account_id: str) -> list[AccessPolicy]:
        """List the Access policies that applications can share."""
        path = f"/accounts/{account_id}/access/policies"
        policies = self._list(_NamedPolicy, path, ACCESS_EDIT, "the Access policies")
        return [AccessPolicy(policy.id, policy.name) for policy in policies]

    def refuse_ended_token(self, account_id: str | None) -> None:
        """Ask whether the token is in force, before it is used.

        Raises:
            CloudflareRefusedError: when it expired, or was disabled.

        """
        # Tokens of an account are verified there, and unknown to the other: what such a one may do, each request tells.
        for place in ["/user", *([f"/accounts/{account_id}"] if account_id else [])]:
            try:
                told = self._get(_TokenStatus, f"{place}/tokens/verify", "", "the state of the API token").result
            except CloudflareRefusedError:
                continue
            if told.status != "active":
                since = f" since {told.expires_on:%Y-%m-%d}" if told.status == "expired" and told.expires_on else ""
                raise CloudflareRefusedError(
                    f"the Cloudflare API token is {told.status}{since}. {_NEW_TOKEN}", secret=_SETTING
                )
            return

    def service_tokens(self, account_id: str) -> list[ServiceToken]:
        """List the service tokens of Access."""
        path = f"/accounts/{account_id}/access/service_tokens"
        return [
            ServiceToken(token.id, token.name, token.expires_at)
            for token in self._list(_ServiceToken, path, SERVICE_TOKENS_EDIT, "the Access service tokens")
        ]

    def _list(
        self, item: Any, path: str, permission: str, what: str, query: Mapping[str, str] | None = None
    ) -> Iterator[Any]:
        """Read a list to its last page: the last that the answer counts, or the one before an empty or repeated one."""
        before: list[Any] = []
        for page in itertools.count(1):
            answer = self._get(list[item], path, permission, what, {**(query or {}), "page": str(page)})
            if answer.result in ([], before):
                return
            yield from (before := answer.result)
            pages = answer.result_info.total_pages if answer.result_info else None
            if pages is not None and page >= pages:
                return

    def _get(
        self, result: type[T], path: str, permission: str, what: str, query: Mapping[str, str] | None = None
    ) -> "_Answer[T]":
        def asked() -> _Answer[T]:
            with _asked(permission, what):
                answer = self._client.get(path, cast_to=httpx.Response, options={"params": dict(query or {})})
                return _Answer[result].model_validate_json(answer.content, strict=True)  # type: ignore[valid-type]

        return again(asked)


def _configurations(account_id: str, tunnel_id: str) -> str:
    return f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations"


# What is read of Cloudflare's answers; an answer of another shape is none.


class _Pages(BaseModel):
    total_pages: int | None = None


class _Answer(BaseModel, Generic[T]):
    result: T
    result_info: _Pages | None = None


class _Account(BaseModel):
    id: str


class _Plan(BaseModel):
    legacy_id: str | None = None


class _Zone(BaseModel):
    id: str
    name: str
    account: _Account
    plan: _Plan = _Plan()
    status: str | None = None
    paused: bool | None = None

    @property
    def told(self) -> Zone:
        return Zone(
            self.id, self.name, self.account.id, self.plan.legacy_id or "", self.status or "", bool(self.paused)
        )


class _Certificate(BaseModel):
    hosts: list[str] | None = None
    status: str | None = None


class _Tunnel(BaseModel):
    id: str
    name: str
    config_src: str | None = None
    remote_config: bool | None = None
    deleted_at: AwareDatetime | None = None

    @property
    def told(self) -> Tunnel:
        return Tunnel(self.id, self.name, self.config_src, self.deleted_at is not None, self.remote_config)


class _Client(BaseModel):
    id: str | None = None
    run_at: AwareDatetime | None = None
    version: str | None = None
    conns: list[Document] | None = None


class _Rule(BaseModel):
    model_config = ConfigDict(extra="allow")

    hostname: str | None = None
    path: str | None = None
    service: str | None = None


class _Document(BaseModel):
    ingress: list[_Rule] | None = None


class _Configuration(BaseModel):
    # The JSON as it came: what is not known here has to be written back, too.
    config: Document | None = None
    version: int
    source: str | None = None

    @field_validator("config")
    @classmethod
    def _of_a_tunnel(cls, config: Document | None) -> Document | None:
        _Document.model_validate(config or {}, strict=True)
        return config

    @property
    def told(self) -> Configuration:
        return Configuration(self.config, self.version, self.source)


class _Record(BaseModel):
    id: str
    type: str
    name: str
    content: str = ""
    proxied: bool | None = None
    comment: str | None = None

    @property
    def told(self) -> Record:
        return Record(self.id, self.type, self.name, self.content, bool(self.proxied), self.comment or "")

    @property
    def is_address(self) -> bool:
        return self.type in {"A", "AAAA", "CNAME"}

    @model_validator(mode="after")
    def _of_an_address(self) -> Self:
        if self.is_address and not self.content:
            raise ValueError("content")
        return self


class _Destination(BaseModel):
    type: str | None = None
    uri: str | None = None


class _Policy(BaseModel):
    decision: str | None = None
    include: list[Document] | None = None

    @property
    def is_open(self) -> bool:
        return self.decision == "bypass" and any("everyone" in rule for rule in self.include or ())


class _Application(BaseModel):
    id: str
    name: str | None = None
    domain: str | None = None
    self_hosted_domains: list[str] | None = None
    destinations: list[_Destination] | None = None
    policies: list[_Policy] | None = None

    @property
    def told(self) -> AccessApplication:
        public = [one.uri for one in self.destinations or () if one.type in {None, "public"}]
        domains = dict.fromkeys(one for one in (self.domain, *(self.self_hosted_domains or ()), *public) if one)
        return AccessApplication(
            self.id, self.name or self.id, tuple(domains), any(policy.is_open for policy in self.policies or ())
        )


class _TokenStatus(BaseModel):
    status: str
    expires_on: AwareDatetime | None = None


class _NamedPolicy(BaseModel):
    id: str
    name: str


class _ServiceToken(BaseModel):
    id: str
    name: str
    expires_at: AwareDatetime | None = None


class _Error(BaseModel):
    code: int | None = None
    message: str | None = None


class _Refusal(BaseModel):
    errors: list[_Error] | None = None


@contextmanager
def _asked(permission: str, what: str) -> Iterator[None]:
    """Turn the SDK's errors, and answers that can't be read, into sentences."""
    try:
        yield
    except APIStatusError as error:
        raise _refusal(error, permission, what) from None
    except APIConnectionError as error:
        raise UnansweredError(f"Cloudflare does not answer (asked for {what}): {error.message}") from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise UnansweredError(
            f"what answers in Cloudflare's place can't be read (asked for {what}): {place or 'it is not JSON'}. "
            "Is there a proxy or a sign-in page in between?"
        ) from None


def _refusal(error: APIStatusError, permission: str, what: str) -> CloudflareError:
    try:
        details = _Refusal.model_validate_json(error.response.content).errors
    except ValidationError:
        details = None
    codes = {detail.code for detail in details or []}
    words = [f"{(detail.message or '').strip()} ({detail.code})" for detail in details or []]
    said = "; ".join(words) or f"{error.status_code}"
    if retry.is_passing(error.status_code):
        after = retry.retry_after(error.response.headers.get("retry-after"))
        return UnansweredError(f"Cloudflare is busy (asked for {what}): {said}", after)
    if error.status_code == _UNAUTHORIZED or codes & _NO_TOKEN or _NO_TOKEN_WORDS in said:
        return CloudflareRefusedError(
            f"Cloudflare does not know the API token: it is mistyped, expired or revoked. {_NEW_TOKEN}. Cloudflare "
            f"answers: {said}",
            secret=_SETTING,
        )
    if error.status_code == _FORBIDDEN:
        return CloudflareRefusedError(
            f"the Cloudflare API token is not enough for {what}: it needs the permission {permission}, for this "
            f"account and zone. Cloudflare answers: {said}",
        )
    if error.status_code == _NOT_FOUND and details is None:
        return UnansweredError(f"what answers in Cloudflare's place knows nothing of {what}: it answers 404")
    refused = MissingError if error.status_code == _NOT_FOUND else CloudflareRefusedError
    return refused(f"Cloudflare refuses {what}: {said}")
