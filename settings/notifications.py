"""Who is notified of syncs: addresses of any kind that Apprise knows, and a heartbeat whose silence is noticed."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from settings.model import LONGEST, Allowed, Model, Omittable, not_allowed, refuse
from settings.resources import Resources

Occasion = Annotated[
    Literal["failure", "sessionEnding", "recovered"], Allowed("failure, sessionEnding or recovered", "failure")
]
_EVERY: Final[tuple[Occasion, ...]] = ("failure", "sessionEnding", "recovered")
# Where a service listens that a URL names without a port (source: Apprise's plugins); all others on those of http.
_PORTS: Final = {
    "amqp": 5672, "amqps": 5671, "irc": 6667, "ircs": 6697, "kodi": 8080, "lametric": 8080, "lametrics": 4343,
    "mqtt": 1883, "mqtts": 8883, "rsyslog": 514, "smpp": 2775, "smpps": 3550, "xbmc": 8080, "xmpp": 5222, "xmpps": 5223,
}  # fmt: skip
_HIGHEST = 65535
_UDP: Final = ("rsyslog",)


@dataclass(frozen=True)
class Endpoint:
    """Where something is sent to: a host and a port of it."""

    host: str
    port: int
    protocol: Literal["TCP", "UDP"] = "TCP"


class _UnusableError(Exception):
    """Such a URL reaches no service. The message does not quote it: the URL is a secret."""


@cache
def _endpoint(url: str) -> Endpoint:
    """Find where Apprise sends to, as Apprise itself reads the URL."""
    # It takes half a second, which only stacks pay that send something.
    from apprise import Apprise, NotificationManager  # noqa: PLC0415
    from apprise.plugins import url_to_dict  # noqa: PLC0415
    from apprise.utils.parse import parse_urls  # noqa: PLC0415

    logging.getLogger("apprise").disabled = True  # it writes parts of what it cannot read
    parsed = url_to_dict(url)  # type: ignore[no-untyped-call]
    # The variable that the URL is handed over in may hold several.
    if not parsed or not url.isprintable() or len(url) > LONGEST or parse_urls(url) != [url]:  # type: ignore[no-untyped-call]
        raise _UnusableError
    scheme, host, port, secure = (parsed.get(key) for key in ("schema", "host", "port", "secure"))
    plugin = NotificationManager()[scheme]  # type: ignore[no-untyped-call]
    if plugin.enabled:  # else it needs a library, which the image has
        service = Apprise.instantiate(url)
        if service is None:
            raise _UnusableError
        host, port, secure = getattr(service, "smtp_host", "") or service.host, service.port, service.secure
    if not {"host", "port"} <= set(plugin.template_tokens):  # a service of the internet: its host is no part of the URL
        return Endpoint("", 443)
    port = port or _PORTS.get(scheme, 443 if secure else 80)
    if not 0 < port <= _HIGHEST:
        raise _UnusableError
    return Endpoint(str(host or "").strip("[]"), port, "UDP" if scheme in _UDP else "TCP")


def _web_endpoint(url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise _UnusableError from None
    if not host or not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST:
        raise _UnusableError
    return Endpoint(host, port)


def _read_by(endpoint: Callable[[str], Endpoint], what: str) -> AfterValidator:
    def is_one(value: SecretStr) -> SecretStr:
        try:
            endpoint(value.get_secret_value())
        except _UnusableError:
            raise PydanticCustomError("no_url", f"not the form of {what}") from None
        return value

    return AfterValidator(is_one)


def _each_once(occasions: tuple[Occasion, ...]) -> tuple[Occasion, ...]:
    if not occasions or len(set(occasions)) < len(occasions):
        raise not_allowed('a list of failure, sessionEnding and recovered, each once, e.g. ["failure"]')
    return occasions


AppriseUrl = Annotated[
    SecretStr,
    _read_by(_endpoint, "an Apprise URL"),
    Allowed(
        "an Apprise URL (https://github.com/caronc/apprise/wiki)",
        {"secure": "v1:..."},
    ),
]
HeartbeatUrl = Annotated[
    SecretStr,
    _read_by(_web_endpoint, "a URL"),
    Allowed(
        "an http or https URL",
        {"secure": "v1:..."},
    ),
]


class Notifications(Model):
    """Who is notified that a sync failed, that a session ends, and that syncs succeed again."""

    urls: Annotated[
        tuple[AppriseUrl, ...],
        Field(
            description="Apprise URLs: ntfy, e-mail, Telegram and a hundred more. All get the same messages.",
            max_length=16,
        ),
        Allowed("a list of at most 16 Apprise URLs", [{"secure": "v1:..."}]),
    ] = ()
    on: Annotated[
        tuple[Occasion, ...],
        AfterValidator(_each_once),
        Field(
            description="What is sent: failure, when a run fails; sessionEnding, when a session at Apple ends before "
            "the next run, or less than 7 days after it; recovered, when a run succeeds after one that failed.",
            json_schema_extra={"minItems": 1, "uniqueItems": True},
        ),
        Allowed("a list of failure, sessionEnding and recovered", ["failure"]),
    ] = _EVERY
    heartbeat: Annotated[
        Omittable[HeartbeatUrl],
        Field(
            description="URL that each successful run requests, at Healthchecks, Uptime Kuma or the like: they notice "
            "a run that never started or was killed, which sends nothing."
        ),
    ] = None
    resources: Annotated[Resources, Field(description="Of the container that sends them.")] = Resources()

    @model_validator(mode="after")
    def _any_target(self) -> Self:
        if not self.urls and not self.heartbeat:
            raise refuse("urls", None, "at least one URL, or a heartbeat")
        return self

    def endpoints(self) -> Iterator[Endpoint]:
        """List where its pods send something to."""
        for url in self.urls:
            yield _endpoint(url.get_secret_value())
        if self.heartbeat:
            yield _web_endpoint(self.heartbeat.get_secret_value())
