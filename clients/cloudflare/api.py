"""The few calls to Cloudflare's API beside Pulumi's own resources, through Cloudflare's official SDK."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import TypeVar

import httpx
from cloudflare import Cloudflare, DefaultHttpxClient

from clients import clock
from clients.cloudflare.answers import (
    AccessApplication,
    AccessPolicy,
    Answer,
    ApplicationAnswer,
    Certificate,
    Configuration,
    Connector,
    ConnectorAnswer,
    Document,
    Record,
    ServiceToken,
    TokenStatus,
    Tunnel,
    Zone,
)
from clients.cloudflare.api_token import (
    ACCESS_EDIT,
    CERTIFICATES_READ,
    DNS_EDIT,
    SERVICE_TOKENS_EDIT,
    TUNNEL_EDIT,
    ZONE_READ,
)
from clients.cloudflare.errors import (
    NEW_TOKEN,
    SETTING,
    CloudflareRefusedError,
    MissingError,
    UnansweredError,
    asked,
)
from clients.public_trust import public_trust
from clients.retry import again
from text.hostname import lies_in, normal

_TIMEOUT = 10.0  # seconds, of one request; a tunnel's lease has to outlast a read and a write
_PAGES = 1000  # of one list: more than any account has

T = TypeVar("T")


class CloudflareApi:
    """Cloudflare's API, as one token may use it."""

    def __init__(self, token: str, http_client: httpx.Client | None = None) -> None:
        """Keep the token; nothing is asked yet. The SDK takes another address from CLOUDFLARE_BASE_URL."""
        # A write that is redirected may arrive elsewhere, and as a read.
        if http_client is None:
            http_client = DefaultHttpxClient(follow_redirects=False, verify=public_trust())
        # Each request has the token. A cookie of an answer would go with the next one, whatever is in it.
        http_client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        http_client.event_hooks["response"].append(self._take)
        self._ahead = clock.NONE
        self._client = Cloudflare(api_token=token, timeout=_TIMEOUT, max_retries=0, http_client=http_client)
        # The SDK would prefer what it finds of older credentials in the environment.
        self._client.api_email = self._client.api_key = self._client.user_service_key = None

    def zone_of(self, host: str) -> Zone | None:
        """Find the zone that a host lies in; None when the token sees none."""
        zones = self._list(Zone, "/zones", ZONE_READ, "the zones")
        around = [zone for zone in zones if lies_in(host, zone.name)]
        # A domain that was moved is a zone of both accounts, and in force in one.
        return max(around, key=lambda zone: (len(normal(zone.name)), zone.status == "active"), default=None)

    def zone(self, zone_id: str) -> Zone | None:
        """Read a zone; None when it does not exist, or the token may not read it."""
        try:
            return self._get(Zone, f"/zones/{zone_id}", ZONE_READ, f"the zone {zone_id}").result
        except CloudflareRefusedError:
            return None

    def delegations(self, zone_id: str, host: str) -> list[Record]:
        """List the NS records by which a host is another name server's: no other record can be beside them."""
        path, what = f"/zones/{zone_id}/dns_records", f"the DNS records of {host}"
        return list(self._list(Record, path, DNS_EDIT, what, {"name.exact": host, "type": "NS"}))

    def record_names(self, zone_id: str) -> list[str]:
        """List names of a zone's records: a page of them is enough to know its domain by."""
        path = f"/zones/{zone_id}/dns_records"
        records = self._get(list[Record], path, DNS_EDIT, "the zone's DNS records", {"per_page": "100"}).result
        return [record.name for record in records]

    def certified_names(self, zone_id: str) -> list[str] | None:
        """List the names for which the zone has certificates at the edge; None when the token may not read them."""
        what, names = "the zone's certificates", list[str]()
        try:
            for path in (f"/zones/{zone_id}/ssl/certificate_packs", f"/zones/{zone_id}/custom_certificates"):
                for certificate in self._list(Certificate, path, CERTIFICATES_READ, what):
                    names += (certificate.hosts or ()) if certificate.status in {None, "active"} else ()
        except CloudflareRefusedError:
            return None
        return names

    def tunnels(self, account_id: str) -> list[Tunnel]:
        """List the account's tunnels, deleted ones included."""
        path = f"/accounts/{account_id}/cfd_tunnel"
        return list(self._list(Tunnel, path, TUNNEL_EDIT, "the account's tunnels"))

    def tunnel(self, account_id: str, tunnel_id: str) -> Tunnel | None:
        """Read one tunnel, which may be deleted; None when there is no such tunnel."""
        path = f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}"
        return self._found(Tunnel, path, TUNNEL_EDIT, f"the tunnel {tunnel_id}")

    def connectors(self, account_id: str, tunnel_id: str) -> list[Connector]:
        """List the cloudflared processes that run a tunnel; when they started, by this machine's clock."""
        path = f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections"
        what = f"the connectors of tunnel {tunnel_id}"
        found = [one.told for one in self._get(list[ConnectorAnswer], path, TUNNEL_EDIT, what).result]
        return [replace(one, run_at=one.run_at and clock.here(one.run_at, self._ahead)) for one in found]

    def configuration(self, account_id: str, tunnel_id: str) -> Configuration | None:
        """Read a tunnel's configuration; None when there is no such tunnel."""
        what = f"the configuration of tunnel {tunnel_id}"
        return self._found(Configuration, _configurations(account_id, tunnel_id), TUNNEL_EDIT, what)

    def replace_configuration(self, account_id: str, tunnel_id: str, document: Document) -> Configuration:
        """Write a tunnel's whole configuration, once: sent again, it could be outdated.

        Raises:
            UnansweredError: when it may have been written, or not.
            CloudflareRefusedError: when it was not.

        """
        with asked(TUNNEL_EDIT, f"a change of the configuration of tunnel {tunnel_id}"):
            answer = self._client.put(
                _configurations(account_id, tunnel_id), cast_to=httpx.Response, body={"config": document}
            )
            return Answer[Configuration].model_validate_json(answer.content, strict=True).result

    def records(self, zone_id: str, host: str) -> list[Record]:
        """List the records that say where a host is: A, AAAA and CNAME."""
        path, what = f"/zones/{zone_id}/dns_records", f"the DNS records of {host}"
        found = self._list(Record, path, DNS_EDIT, what, {"name.exact": host})
        return [record for record in found if record.is_address]

    def record(self, zone_id: str, record_id: str) -> Document | None:
        """Read one record as a whole; None when it is gone."""
        path = f"/zones/{zone_id}/dns_records/{record_id}"
        return self._found(Document, path, DNS_EDIT, f"the DNS record {record_id}")

    def change_record(self, zone_id: str, record_id: str, change: Document) -> None:
        """Change the given fields of a record; repeated where the answer is lost.

        Raises:
            CloudflareRefusedError: when it was not changed.

        """

        def ask() -> None:
            with asked(DNS_EDIT, f"a change of the DNS record {record_id}"):
                path = f"/zones/{zone_id}/dns_records/{record_id}"
                answer = self._client.patch(path, cast_to=httpx.Response, body=change)
                Answer[Document].model_validate_json(answer.content, strict=True)

        again(ask)

    def access_applications(self, account_id: str) -> list[AccessApplication]:
        """List the Access applications."""
        path = f"/accounts/{account_id}/access/apps"
        return [one.told for one in self._list(ApplicationAnswer, path, ACCESS_EDIT, "the Access applications")]

    def access_policies(self, account_id: str) -> list[AccessPolicy]:
        """List the Access policies that applications can share."""
        path = f"/accounts/{account_id}/access/policies"
        return list(self._list(AccessPolicy, path, ACCESS_EDIT, "the Access policies"))

    def refuse_ended_token(self, account_id: str | None) -> None:
        """Verify the token before it is used.

        Raises:
            CloudflareRefusedError: when it expired, or was disabled.

        """
        # Tokens of an account are verified there, and unknown to the other: what such a one may do, each request tells.
        for place in ["/user", *([f"/accounts/{account_id}"] if account_id else [])]:
            try:
                told = self._get(TokenStatus, f"{place}/tokens/verify", "", "the state of the API token").result
            except CloudflareRefusedError:
                continue
            if told.status != "active":
                since = f" since {told.expires_on:%Y-%m-%d}" if told.status == "expired" and told.expires_on else ""
                raise CloudflareRefusedError(
                    f"the Cloudflare API token is {told.status}{since}. {NEW_TOKEN}", secret=SETTING
                )
            return

    def service_tokens(self, account_id: str) -> list[ServiceToken]:
        """List the service tokens of Access."""
        path = f"/accounts/{account_id}/access/service_tokens"
        return list(self._list(ServiceToken, path, SERVICE_TOKENS_EDIT, "the Access service tokens"))

    def _list(
        self, item: type[T], path: str, permission: str, what: str, query: Mapping[str, str] | None = None
    ) -> Iterator[T]:
        """Read a list to its last page: the last that the answer counts, or the one before an empty or repeated one."""
        before: list[T] = []
        for page in range(1, _PAGES + 1):
            answer = self._get(list[item], path, permission, what, {**(query or {}), "page": str(page)})  # type: ignore[valid-type]
            if answer.result in ([], before):
                return
            yield from (before := answer.result)
            pages = answer.result_info.total_pages if answer.result_info else None
            if pages is not None and page >= pages:
                return
        raise UnansweredError(f"the list of {what.removeprefix('the ')} that Cloudflare sends has no end")

    def _found(self, result: type[T], path: str, permission: str, what: str) -> T | None:
        try:
            return self._get(result, path, permission, what).result
        except MissingError:
            return None

    def _get(
        self, result: type[T], path: str, permission: str, what: str, query: Mapping[str, str] | None = None
    ) -> "Answer[T]":
        def ask() -> Answer[T]:
            with asked(permission, what):
                answer = self._client.get(path, cast_to=httpx.Response, options={"params": dict(query or {})})
                return Answer[result].model_validate_json(answer.content, strict=True)  # type: ignore[valid-type]

        return again(ask)

    def _take(self, answer: httpx.Response) -> None:
        """Take an answer for JSON, which is UTF-8: the SDK reads a refusal in what its head names, such as idna."""
        answer.encoding = "utf-8"
        self._ahead = clock.ahead(answer.headers)


def _configurations(account_id: str, tunnel_id: str) -> str:
    return f"/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations"
