"""The calls to Cloudflare's API, through the official SDK: the requests, and what is reported of a failure."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clients.cloudflare import (
    TOKEN_VARIABLE,
    CloudflareApi,
    CloudflareError,
    CloudflareRefusedError,
    Configuration,
    MissingError,
    UnansweredError,
    Zone,
    token,
)
from lab.cloudflare.api import Api
from lab.cloudflare.faults import Fault
from lab.cloudflare.world import TOKEN, found, give_token, new_uuid
from lab.stand_in.transport import Transport

HOMELAB, WORKSHOP = found().tunnels
ACCOUNT = str(found().account["id"])
ZONE = next(iter(found().zones))
NOWHERE = "7c0de5ad-0b0e-4b1e-9a5e-00000000dead"


@pytest.fixture
def account() -> Api:
    return Api(found())


def api(account: Api, token: str = TOKEN) -> CloudflareApi:
    return CloudflareApi(token, httpx.Client(transport=Transport(account)))


def add_zone(account: Api, name: str) -> None:
    zone = {**account.world.zones[ZONE], "id": name, "name": name}
    account.world.zones[name] = zone
    account.world.records[name] = {}


# what is found


def test_a_host_lies_in_the_closest_zone(account: Api) -> None:
    for name in ("photos.coultonf.com", "com", "os.coultonf.com", "elsewhere.org"):
        add_zone(account, name)
    cloudflare = api(account)
    assert cloudflare.zone_of("immich.photos.coultonf.com") == Zone(
        "photos.coultonf.com", "photos.coultonf.com", ACCOUNT, "free", "active"
    )
    for host, zone in (("coultonf.com", "coultonf.com"), ("a.b.coultonf.com", "coultonf.com"), ("x.com", "com")):
        found_zone = cloudflare.zone_of(host)
        assert found_zone
        assert found_zone.name == zone
    assert cloudflare.zone_of("photos.example.net") is None


def test_of_two_zones_of_one_name_the_one_in_force_is_taken(account: Api) -> None:
    """As of a domain that was moved to another account."""
    name = account.world.zones[ZONE]["name"]
    account.world.zones = {
        "moved": {**account.world.zones[ZONE], "id": "moved", "status": "moved"},
        **account.world.zones,
    }
    zone = api(account).zone_of(name)
    assert zone
    assert zone.id == ZONE


@pytest.mark.parametrize(
    ("application", "domains", "is_open"),
    [
        ({"type": "bookmark"}, (), False),
        ({"type": "self_hosted"}, ("a.example.com",), False),
        (
            {
                "self_hosted_domains": ["a.example.com", "b.example.com/x"],
                "destinations": [
                    {"type": "public", "uri": "*.example.com"},
                    {"type": "private", "hostname": "inside", "uri": "c.example.com"},
                ],
            },
            ("a.example.com", "b.example.com/x", "*.example.com"),
            False,
        ),
        ({"policies": [{"decision": "bypass", "include": [{"everyone": {}}]}]}, ("a.example.com",), True),
        (
            {"policies": [{"decision": "bypass", "include": [{"everyone": {}}], "require": [{"geo": {}}]}]},
            ("a.example.com",),
            False,
        ),
        (
            {"policies": [{"decision": "bypass", "include": [{"everyone": {}}], "exclude": [{"ip": {}}]}]},
            ("a.example.com",),
            False,
        ),
    ],
)
def test_what_an_application_guards_and_whom_it_lets_past(
    application: dict[str, Any], domains: tuple[str, ...], *, is_open: bool
) -> None:
    body = {
        "result": [{"id": "1", "name": "Family", "domain": "a.example.com", **application}],
        "result_info": {"total_pages": 1},
    }
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    (found,) = CloudflareApi(TOKEN, httpx.Client(transport=answer)).access_applications(ACCOUNT)
    assert (found.domains, found.is_open) == (domains, is_open)


def test_every_page_is_read(account: Api) -> None:
    for number in range(45):
        add_zone(account, f"n{number}.org")
        tunnel = {**account.world.tunnels[HOMELAB], "id": new_uuid(), "name": f"t{number}"}
        account.world.tunnels[tunnel["id"]] = tunnel
    zone = api(account).zone_of("www.n44.org")
    assert zone
    assert zone.name == "n44.org"
    assert len(api(account).tunnels(ACCOUNT)) == 47


def test_tunnels_say_who_manages_them_and_whether_they_are_gone(account: Api) -> None:
    account.world.tunnels[WORKSHOP]["deleted_at"] = "2026-01-01T00:00:00Z"
    seen = {
        each.name: (each.id, each.config_src, each.remote_config, each.deleted)
        for each in api(account).tunnels(ACCOUNT)
    }
    assert seen == {
        "homelab": (HOMELAB, "cloudflare", True, False),
        "workshop": (WORKSHOP, "local", False, True),
    }


def test_an_absent_field_of_a_tunnel_is_no_answer(account: Api) -> None:
    account.world.tunnels[HOMELAB]["omits"] = ["config_src", "remote_config", "source"]
    cloudflare = api(account)
    tunnel, configuration = cloudflare.tunnel(ACCOUNT, HOMELAB), cloudflare.configuration(ACCOUNT, HOMELAB)
    assert tunnel
    assert configuration
    assert (tunnel.config_src, tunnel.remote_config, configuration.source) == (None, None, None)
    assert cloudflare.tunnel(ACCOUNT, NOWHERE) is None


def test_a_configuration_comes_and_goes_as_it_is(account: Api) -> None:
    cloudflare = api(account)
    before = deepcopy(account.world.configurations[HOMELAB]["config"])
    assert cloudflare.configuration(ACCOUNT, HOMELAB) == Configuration(before, 7, "cloudflare")
    document = {**before, "originRequest": {"connectTimeout": 30, "http2Origin": None, "http_host_header": "x"}}
    assert cloudflare.replace_configuration(ACCOUNT, HOMELAB, document) == Configuration(document, 8, "cloudflare")
    assert account.world.configurations[HOMELAB]["config"] == document
    assert cloudflare.configuration(ACCOUNT, NOWHERE) is None
    with pytest.raises(MissingError):
        cloudflare.replace_configuration(ACCOUNT, NOWHERE, document)


def test_a_tunnel_that_was_never_configured_has_no_document(account: Api) -> None:
    del account.world.configurations[WORKSHOP]
    assert api(account).configuration(ACCOUNT, WORKSHOP) == Configuration(None, 0, "local")


def test_a_local_tunnel_answers_with_the_document_that_its_cloudflared_sent(account: Api) -> None:
    configuration = api(account).configuration(ACCOUNT, WORKSHOP)
    assert configuration
    assert configuration.document
    assert (configuration.source, len(configuration.document["ingress"])) == ("local", 2)


def test_records_of_a_host(account: Api) -> None:
    (record,) = api(account).records(ZONE, "mealie.coultonf.com")
    assert str(record) == f"CNAME mealie.coultonf.com → {HOMELAB}.cfargotunnel.com"
    assert (record.proxied, record.comment) == (True, "")
    assert api(account).records(ZONE, "photos.coultonf.com") == []


# which credentials are used


def test_older_credentials_in_the_environment_are_not_sent(account: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_USER_SERVICE_KEY"):
        monkeypatch.setenv(name, f"older-{name}")
    monkeypatch.setenv(TOKEN_VARIABLE, "another-token")
    asked: list[httpx.Request] = []
    client = httpx.Client(transport=Transport(account), event_hooks={"request": [asked.append]})
    cloudflare = CloudflareApi(TOKEN, client)
    cloudflare.zone_of("coultonf.com")
    read = cloudflare.configuration(ACCOUNT, HOMELAB)
    assert read
    cloudflare.replace_configuration(ACCOUNT, HOMELAB, read.document or {})
    assert {request.method for request in asked} == {"GET", "PUT"}
    for request in asked:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert not any("older" in value or "another" in value for value in request.headers.values())


def test_the_token_of_the_stack_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, " of-the-environment\n")
    assert token(SecretStr("of-the-stack")) == "of-the-stack"
    assert token(None) == "of-the-environment"
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(CloudflareError, match="there is no API token of Cloudflare"):
        token(None)


# what is reported when it goes wrong

CALLS: list[Callable[[CloudflareApi], object]] = [
    lambda cloudflare: cloudflare.zone_of("coultonf.com"),
    lambda cloudflare: cloudflare.tunnels(ACCOUNT),
    lambda cloudflare: cloudflare.configuration(ACCOUNT, HOMELAB),
    lambda cloudflare: cloudflare.replace_configuration(ACCOUNT, HOMELAB, {"ingress": []}),
    lambda cloudflare: cloudflare.records(ZONE, "coultonf.com"),
    lambda cloudflare: cloudflare.access_applications(ACCOUNT),
    lambda cloudflare: cloudflare.service_tokens(ACCOUNT),
    lambda cloudflare: cloudflare.access_policies(ACCOUNT),
]
PERMISSIONS = [
    "Zone · Zone · Read",
    "Account · Cloudflare Tunnel · Edit",
    "Account · Cloudflare Tunnel · Edit",
    "Account · Cloudflare Tunnel · Edit",
    "Zone · DNS · Edit",
    "Account · Access: Apps and Policies · Edit",
    "Account · Access: Service Tokens · Edit",
    "Account · Access: Apps and Policies · Edit",
]


@pytest.mark.parametrize(("call", "permission"), [*zip(CALLS, PERMISSIONS, strict=True)])
def test_a_missing_permission_is_named(account: Api, call: Callable[[CloudflareApi], object], permission: str) -> None:
    give_token(account.world, "p" * 40, [])
    with pytest.raises(CloudflareRefusedError) as error:
        call(api(account, "p" * 40))
    assert f"it needs the permission {permission}, for this account and zone" in str(error.value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("bad", ["x" * 40, "too short", "expired-" * 5])
def test_a_token_that_is_none_is_told(account: Api, call: Callable[[CloudflareApi], object], bad: str) -> None:
    give_token(account.world, "expired-" * 5, ["Zone Read"], status="expired")
    with pytest.raises(CloudflareRefusedError) as error:
        call(api(account, bad))
    assert str(error.value).startswith("Cloudflare does not know the API token: it is mistyped, expired or revoked.")
    assert bad not in str(error.value)


@pytest.mark.parametrize("bad", ["secret\nsecret", "secret-ü", '"secret"', "secret secret"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(CloudflareError, match="a token has only letters, digits, - and _") as error:
        token(SecretStr(bad))
    assert "secret" not in str(error.value)


@pytest.fixture(params=["rateLimited", "unavailable", "timeOut"])
def faults(request: pytest.FixtureRequest, account: Api) -> str:
    account.faults += [Fault(request.param, retry_after=17)] * 9
    kind: str = request.param
    return kind


@pytest.mark.parametrize("call", CALLS)
def test_no_answer_is_told_as_such(account: Api, call: Callable[[CloudflareApi], object], faults: str) -> None:
    with pytest.raises(UnansweredError) as error:
        call(api(account))
    assert str(error.value).startswith("Cloudflare does not answer" if faults == "timeOut" else "Cloudflare is busy")
    assert error.value.retry_after == (17 if faults == "rateLimited" else 0)
    assert TOKEN not in str(error.value)


def test_what_only_reads_is_asked_again_and_what_writes_is_not(account: Api) -> None:
    account.faults += [Fault("unavailable"), Fault("rateLimited")]
    assert api(account).configuration(ACCOUNT, HOMELAB)
    account.faults.append(Fault("unavailable", "PUT"))
    with pytest.raises(UnansweredError):
        api(account).replace_configuration(ACCOUNT, HOMELAB, {"ingress": []})
    assert [method for method, _ in account.log] == ["GET", "GET", "GET", "PUT"]


def test_other_refusals_are_in_cloudflares_words(account: Api) -> None:
    with pytest.raises(
        CloudflareRefusedError, match=r"Cloudflare refuses a change of the configuration of tunnel .*\(1056\)"
    ):
        api(account).replace_configuration(ACCOUNT, HOMELAB, {"ingress": [{"hostname": "a.b", "service": "http://c"}]})


def test_a_page_instead_of_an_answer_is_told() -> None:
    """What stands before the API answers in HTML."""
    html = httpx.MockTransport(lambda _: httpx.Response(520, html="<html>origin error</html>"))
    with pytest.raises(UnansweredError, match=r"^Cloudflare is busy \(asked for the zones\): 520$"):
        CloudflareApi(TOKEN, httpx.Client(transport=html)).zone_of("coultonf.com")
