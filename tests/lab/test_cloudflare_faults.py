"""What goes wrong at Cloudflare on purpose, as the official SDK meets it."""

from collections.abc import Iterator
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from lab.cloudflare.api import Api
from lab.cloudflare.faults import Fault, Kind
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.answers import RefusedError
from lab.stand_in.transport import Transport

WORLD = found()
ACCOUNT = WORLD.account["id"]
HOMELAB = next(iter(WORLD.tunnels))
CONFIGURATION = f"/accounts/*/cfd_tunnel/{HOMELAB}/configurations"
EMPTIED: Any = {"ingress": [{"service": "http_status:404"}]}


@pytest.fixture
def api() -> Api:
    return Api(found())


@pytest.fixture
def client(api: Api) -> Iterator[Cloudflare]:
    with Cloudflare(api_token=TOKEN, http_client=httpx.Client(transport=Transport(api)), max_retries=0) as client:
        yield client


def read(client: Cloudflare) -> tuple[int, Any]:
    read = client.zero_trust.tunnels.cloudflared.configurations.get(HOMELAB, account_id=ACCOUNT)
    assert read
    assert read.version
    assert read.config
    return read.version, read.config.to_dict()


def write(client: Cloudflare, config: Any = EMPTIED) -> int:
    written = client.zero_trust.tunnels.cloudflared.configurations.update(HOMELAB, account_id=ACCOUNT, config=config)
    assert written
    assert written.version
    return written.version


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("rateLimited", 429, 971), ("unavailable", 503, 7010), ("expiredToken", 401, 10000)]
)
def test_a_refused_write_is_not_done_and_the_next_one_is(
    api: Api, client: Cloudflare, kind: Kind, status: int, code: int
) -> None:
    api.faults.append(Fault(kind))
    before = api.world.configurations[HOMELAB]
    with pytest.raises(cloudflare.APIStatusError) as caught:
        write(client)
    assert (caught.value.status_code, caught.value.errors[0].code) == (status, code)
    assert api.world.configurations[HOMELAB] == before
    assert write(client) == before["version"] + 1


def test_a_rate_limit_says_when_to_come_back(api: Api, client: Cloudflare) -> None:
    api.faults.append(Fault("rateLimited", retry_after=7))
    with pytest.raises(cloudflare.RateLimitError) as caught:
        write(client)
    assert caught.value.response.headers["retry-after"] == "7"


def test_the_sdk_by_itself_sends_a_stale_document_again(api: Api, client: Cloudflare) -> None:
    """Why whoever writes a whole document turns its retries off."""
    api.faults.append(Fault("unavailable", "PUT"))
    write(client.with_options(max_retries=1))
    assert [method for method, _ in api.log] == ["PUT", "PUT"]


def test_an_answer_is_lost_after_the_write_was_done(api: Api, client: Cloudflare) -> None:
    version, _ = read(client)
    api.faults.append(Fault("timeOut", "PUT"))
    with pytest.raises(cloudflare.APITimeoutError):
        write(client)
    assert read(client) == (version + 1, EMPTIED)


def test_another_writer_comes_between_a_read_and_a_write(api: Api, client: Cloudflare) -> None:
    version, config = read(client)
    theirs: Any = {**EMPTIED, "theirs": True}
    api.told("POST", ["faults"], {"kind": "otherWriter", "method": "PUT", "path": CONFIGURATION, "config": theirs})
    # Ours is refused, so that what stays is the other's.
    with pytest.raises(cloudflare.BadRequestError):
        write(client, {"ingress": []})
    assert read(client) == (version + 1, theirs)
    api.told("POST", ["faults"], {"kind": "otherWriter"})
    assert write(client, config) == version + 3
    assert read(client) == (version + 3, config)


def test_an_expired_token_is_reported(api: Api, client: Cloudflare) -> None:
    api.faults.append(Fault("expiredToken"))
    told = [client.user.tokens.verify() for _ in range(2)]
    assert [one and one.status for one in told] == ["expired", "active"]


def test_a_fault_waits_for_its_request_and_strikes_once(api: Api, client: Cloudflare) -> None:
    elsewhere = Fault("unavailable", path="/zones/*")
    api.faults += [elsewhere, Fault("unavailable", "PUT", CONFIGURATION), Fault("rateLimited", "PUT", "/accounts/*")]
    read(client)
    with pytest.raises(cloudflare.InternalServerError):
        write(client)
    with pytest.raises(cloudflare.RateLimitError):
        write(client)
    write(client)
    assert api.faults == [elsewhere]


# What tests tell the rehearsal beside the API.


def test_a_configuration_is_set_as_the_api_would_take_it(api: Api, client: Cloudflare) -> None:
    place = ["tunnels", HOMELAB, "configurations"]
    version, _ = read(client)
    assert api.told("PUT", place, {"config": EMPTIED})["version"] == version + 1
    assert api.told("GET", place, None)["config"] == EMPTIED
    with pytest.raises(RefusedError):
        api.told("PUT", place, {"config": {"ingress": []}})


def test_connectors_come_and_go(api: Api, client: Cloudflare) -> None:
    place = ["tunnels", HOMELAB, "connections"]
    first, _ = api.told("GET", place, None)
    for present, status in (([], "down"), ([first], "healthy")):
        api.told("PUT", place, present)
        tunnel = client.zero_trust.tunnels.cloudflared.get(HOMELAB, account_id=ACCOUNT)
        assert tunnel.status == status


def test_a_token_is_given_and_ends(api: Api, client: Cloudflare) -> None:
    token = TOKEN.replace("nothing", "little")
    other = client.with_options(api_token=token)
    (zone,) = WORLD.zones
    api.told("POST", ["tokens"], {"token": token, "permissions": ["DNS Read"]})
    assert [record.name for record in other.dns.records.list(zone_id=zone)] == ["mealie.coultonf.com"]
    api.told("POST", ["tokens"], {"token": token, "permissions": [], "status": "expired"})
    with pytest.raises(cloudflare.AuthenticationError):
        other.dns.records.list(zone_id=zone)
    assert api.told("GET", ["requests"], None)[0] == ("GET", f"/zones/{zone}/dns_records")
