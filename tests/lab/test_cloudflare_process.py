"""Cloudflare's API as a process of a rehearsal: it is found again, and its world outlives it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from lab import processes
from lab.cloudflare import process
from lab.cloudflare.world import TOKEN, found
from lab.errors import LabError

WORLD = found()
ACCOUNT = WORLD.account["id"]
(ZONE,) = WORLD.zones
HOMELAB = next(iter(WORLD.tunnels))


@pytest.fixture
def lab(home: Path) -> Iterator[httpx.Client]:
    url = process.start(home).replace("/client/v4", "/lab/")
    with httpx.Client(base_url=url, trust_env=False) as lab:
        yield lab


def connected(home: Path, token: str = TOKEN) -> Cloudflare:
    return Cloudflare(
        api_token=token, base_url=process.url(home), max_retries=0, http_client=httpx.Client(trust_env=False)
    )


def hosts(client: Cloudflare) -> list[str]:
    return [record.name for record in client.dns.records.list(zone_id=ZONE)]


def publish(client: Cloudflare, name: str) -> None:
    client.dns.records.create(zone_id=ZONE, name=name, type="A", content="203.0.113.7", ttl=1, proxied=True)


def test_it_goes_on_where_it_was_after_a_restart(home: Path) -> None:
    url = process.start(home)
    with connected(home) as client:
        publish(client, "immich.coultonf.com")
    assert process.running(home)
    assert process.start(home) == url
    assert [marked.name for marked in processes.find(home)] == ["cloudflare"]
    processes.end(home)
    assert not process.running(home)
    assert process.start(home) == url
    with connected(home) as client:
        assert hosts(client) == ["mealie.coultonf.com", "immich.coultonf.com"]


def test_it_takes_another_port_where_another_rehearsal_has_its_own(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = process.start(home)
    with connected(home) as client:
        publish(client, "immich.coultonf.com")
    processes.end(home)
    other = tmp_path_factory.mktemp("other")
    (other / "cloudflare").mkdir()
    (other / "cloudflare" / "url").write_text(url)
    try:
        assert process.start(other) == url
        assert process.start(home) != url
        with connected(other) as theirs, connected(home) as ours:
            assert (len(hosts(theirs)), len(hosts(ours))) == (1, 2)
    finally:
        processes.end(other)


def test_what_it_holds_is_its_owner_s_alone(home: Path) -> None:
    process.start(home)
    with connected(home) as client:
        publish(client, "immich.coultonf.com")
    assert stat.S_IMODE((home / "cloudflare" / "world.json").stat().st_mode) == 0o600
    assert TOKEN not in processes.log_file(home, "cloudflare").read_text()


def test_a_world_that_cannot_be_read_is_told_with_the_end_of_the_log(home: Path) -> None:
    (home / "cloudflare").mkdir()
    (home / "cloudflare" / "world.json").write_text("{")
    with pytest.raises(LabError, match=r"(?s)cloudflare ended at its start \(exit code 1\).*JSONDecodeError.*\.log\)"):
        process.start(home)


def test_an_answer_is_lost_after_the_write_was_done(home: Path, lab: httpx.Client) -> None:
    lab.post("faults", json={"kind": "timeOut", "method": "POST", "path": "/zones/*"}).raise_for_status()
    with connected(home) as client:
        with pytest.raises(cloudflare.APIConnectionError):
            publish(client, "immich.coultonf.com")
        assert "immich.coultonf.com" in hosts(client)
    assert lab.get("faults").json()["result"] == []


def test_refusals_and_their_headers_arrive(home: Path, lab: httpx.Client) -> None:
    lab.post("faults", json={"kind": "rateLimited", "retry_after": 3}).raise_for_status()
    with connected(home) as client, pytest.raises(cloudflare.RateLimitError) as caught:
        hosts(client)
    assert caught.value.response.headers["retry-after"] == "3"


def test_another_writer_is_told_to_write(home: Path, lab: httpx.Client) -> None:
    configurations = f"tunnels/{HOMELAB}/configurations"
    ours: Any = {"ingress": [{"service": "http_status:404"}]}
    theirs: Any = {**ours, "theirs": True}
    bad: Any = {"ingress": []}
    assert lab.put(configurations, json={"config": ours}).json()["result"]["version"] == 8
    with connected(home) as client:
        update = client.zero_trust.tunnels.cloudflared.configurations.update
        for fault in ({"kind": "otherWriter", "method": "PUT", "config": theirs}, {"kind": "otherWriter"}):
            lab.post("faults", json=fault).raise_for_status()
            # Ours is refused, so that what stays is the other's.
            with pytest.raises(cloudflare.BadRequestError):
                update(HOMELAB, account_id=ACCOUNT, config=bad)
            assert lab.get(configurations).json()["result"]["config"] == theirs
    assert lab.get(configurations).json()["result"]["version"] == 10
    refused = lab.put(configurations, json={"config": bad})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, 1056)


def test_connectors_come_and_go(home: Path, lab: httpx.Client) -> None:
    connectors = f"tunnels/{HOMELAB}/connections"
    first, _ = lab.get(connectors).json()["result"]
    with connected(home) as client:
        tunnels = client.zero_trust.tunnels.cloudflared
        for present, status in (([], "down"), ([first], "healthy")):
            lab.put(connectors, json=present).raise_for_status()
            assert tunnels.get(HOMELAB, account_id=ACCOUNT).status == status


def test_tokens_are_given_and_what_was_asked_is_told(home: Path, lab: httpx.Client) -> None:
    token = TOKEN.replace("nothing", "little")
    lab.post("tokens", json={"token": token, "permissions": ["DNS Read"]}).raise_for_status()
    with connected(home, token) as client:
        assert hosts(client) == ["mealie.coultonf.com"]
        lab.post("tokens", json={"token": token, "permissions": [], "status": "expired"}).raise_for_status()
        with pytest.raises(cloudflare.AuthenticationError):
            hosts(client)
    assert lab.get("requests").json()["result"][0] == ["GET", f"/zones/{ZONE}/dns_records"]


@pytest.mark.parametrize("path", ["nothing", "tunnels/none/configurations/more"])
def test_what_the_rehearsal_lacks_it_says(lab: httpx.Client, path: str) -> None:
    answer = lab.get(path)
    assert answer.status_code == 404
    assert f"GET /lab/{path}" in json.dumps(answer.json())
