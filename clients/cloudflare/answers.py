"""What is read of Cloudflare's answers; an answer of another shape is none."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
)

Document = dict[str, Any]
T = TypeVar("T")

_MOMENT = TypeAdapter[datetime | None](AwareDatetime | None)

# What an answer may lack, or have as null.
_Text = Annotated[str, BeforeValidator(lambda value: value or "")]
_Flag = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
_IsThere = Annotated[bool, BeforeValidator(lambda value: _MOMENT.validate_python(value) is not None)]


class _Pages(BaseModel):
    total_pages: int | None = None


class Answer(BaseModel, Generic[T]):
    """The frame of every answer."""

    success: Literal[True] = True
    result: T
    result_info: _Pages | None = None


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
    account_id: Annotated[str, Field(validation_alias=AliasPath("account", "id"))]
    plan: Annotated[_Text, Field(validation_alias=AliasPath("plan", "legacy_id"))] = ""
    status: _Text = ""
    paused: _Flag = False


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
    config_src: str | None = None
    deleted: Annotated[_IsThere, Field(validation_alias="deleted_at")] = False
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


class ConnectorAnswer(BaseModel):
    """A connector as Cloudflare has it: with all of its connections."""

    id: _Text = ""
    run_at: AwareDatetime | None = None
    version: _Text = ""
    conns: list[Document] | None = None

    @property
    def told(self) -> Connector:
        """The connector."""
        return Connector(self.version, len(self.conns or ()), self.id, self.run_at)


class _Rule(BaseModel):
    model_config = ConfigDict(extra="allow")

    hostname: str | None = None
    path: str | None = None
    service: str | None = None


class _Rules(BaseModel):
    ingress: list[_Rule] | None = None


def _of_a_tunnel(document: Document | None) -> Document | None:
    _Rules.model_validate(document or {}, strict=True)
    json.dumps(document, allow_nan=False)  # what no JSON can say could not be written back
    return document


@dataclass(frozen=True)
class Configuration:
    """A tunnel's configuration.

    Attributes:
        document: as Cloudflare sent it: what is not known here has to be written back, too. None: there is none yet.
        version: counts the writes.
        source: whose document it is, `cloudflare` or `local`; None where the answer lacks it.

    """

    document: Annotated[Document | None, Field(validation_alias="config"), AfterValidator(_of_a_tunnel)]
    version: int
    source: str | None = None


@dataclass(frozen=True)
class Record:
    """A DNS record."""

    id: str
    type: str
    name: str
    content: str = ""
    proxied: _Flag = False
    comment: _Text = ""

    def __post_init__(self) -> None:
        """Refuse an address that leads nowhere."""
        if self.is_address and not self.content:
            raise ValueError("content")

    @property
    def is_address(self) -> bool:
        """Whether it says where its host is."""
        return self.type in {"A", "AAAA", "CNAME"}

    def __str__(self) -> str:
        return f"{self.type} {self.name} → {self.content}"


@dataclass(frozen=True)
class AccessApplication:
    """An application of Cloudflare Access.

    Attributes:
        id: its id.
        name: its name.
        domains: what it guards: hosts, each with a path where it has one, and with `*` in both.
        is_open: whether it admits everyone.

    """

    id: str
    name: str
    domains: tuple[str, ...] = ()
    is_open: bool = False


# Applications whose domain is only where they lead to: a bookmark of a host does not stand before it.
_GUARDS_NOTHING = {"bookmark", "saas", "app_launcher", "warp", "biso", "dash_sso"}


class _Destination(BaseModel):
    type: str | None = None
    uri: str | None = None


class _Policy(BaseModel):
    decision: str | None = None
    include: list[Document] | None = None
    require: list[Document] | None = None
    exclude: list[Document] | None = None

    @property
    def is_open(self) -> bool:
        everyone = any("everyone" in rule for rule in self.include or ())
        return self.decision == "bypass" and everyone and not self.require and not self.exclude


class ApplicationAnswer(BaseModel):
    """An Access application as Cloudflare has it: its domains are in three places."""

    id: str
    type: str | None = None
    name: str | None = None
    domain: str | None = None
    self_hosted_domains: list[str] | None = None
    destinations: list[_Destination] | None = None
    policies: list[_Policy] | None = None

    @property
    def told(self) -> AccessApplication:
        """The application."""
        public = [one.uri for one in self.destinations or () if one.type in {None, "public"}]
        stated = () if self.type in _GUARDS_NOTHING else (self.domain, *(self.self_hosted_domains or ()), *public)
        domains = dict.fromkeys(one for one in stated if one)
        return AccessApplication(
            self.id, self.name or self.id, tuple(domains), any(policy.is_open for policy in self.policies or ())
        )


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
    expires_at: AwareDatetime | None = None


class Certificate(BaseModel):
    """A certificate at the edge."""

    hosts: list[str] | None = None
    status: str | None = None


class TokenStatus(BaseModel):
    """What becomes of the API token."""

    status: str
    expires_on: AwareDatetime | None = None
