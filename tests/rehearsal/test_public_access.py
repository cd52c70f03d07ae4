"""The other kinds of public access, in turn on one rehearsal: adopted, a tunnel of the stack's own, a record alone."""

import re
from typing import Any

import pytest
import yaml

from clients.kubernetes import Ref
from lab.engine import SOURCE
from tests.rehearsal.account import ACCOUNT, HOMELAB, WORLD, ZONE
from tests.rehearsal.conftest import Bench, changed

HOST, PAGE = "immich.coultonf.com", "sign-in.coultonf.com"
NGINX = "http://ingress-nginx-controller.ingress-nginx.svc.cluster.local:80"
BY_HAND = {"hostname": HOST, "service": "http://immich-by-hand:2283", "originRequest": {"noTLSVerify": True}}
CLOUDFLARED = Ref("v1", "Namespace", "cloudflared")


@pytest.fixture(scope="module")
def found(bench: Bench) -> dict[str, Any]:
    """The tunnel's document and the records: with a rule and a record for the host, made by hand."""
    config = bench.account.configuration()
    bench.account.somebody_writes({**config, "ingress": [BY_HAND, *config["ingress"]]})
    bench.account.sdk.dns.records.create(
        zone_id=ZONE, name=HOST, type="CNAME", content="home.coultonf.com", ttl=300, proxied=False, comment="by hand"
    )
    return {"configuration": bench.account.configuration(), "records": bench.account.records()}


def test_what_was_made_by_hand_is_not_touched(bench: Bench, found: dict[str, Any]) -> None:
    preview = bench.run("preview")
    (error,) = preview.errors
    assert f"the tunnel has a rule for this host that is not managed by this stack: {HOST} → " in error
    assert f"a DNS record exists that is not managed by this stack: CNAME {HOST} → home.coultonf.com" in error
    assert "immich-icloud:adoptExisting" in error
    assert bench.account.configuration() == found["configuration"]


def test_it_is_adopted_on_request(bench: Bench, found: dict[str, Any]) -> None:
    record = bench.account.record_id(HOST)
    bench.set(lambda settings: settings.update(adoptExisting=True))
    run = bench.up()
    assert ("create", "cloudflare-record") in changed(run)
    told = "; ".join(run.warnings)
    assert (
        "will be adopted, and restored when this stack is removed: immich.coultonf.com → http://immich-by-hand:2283"
        in told
    )
    assert "Its former target is restored on destroy" in told
    (_, *others) = found["configuration"]["ingress"]
    ours, *rest = [rule for rule in bench.account.configuration()["ingress"] if rule.get("hostname") == HOST]
    assert (ours, rest) == ({"hostname": HOST, "service": NGINX}, [])
    assert [rule for rule in bench.account.configuration()["ingress"] if rule != ours] == others
    assert bench.account.record_id(HOST) == record
    led = bench.account.record(HOST)
    assert (led["content"], led["comment"]) == (f"{HOMELAB}.cfargotunnel.com", "by hand")


def test_an_adopted_object_is_managed_like_any_other(bench: Bench) -> None:
    bench.reset_settings()
    assert [name for _, name in changed(bench.up()) if name.startswith("cloudflare")] == []


def test_destroy_restores_the_rule_and_the_record(bench: Bench, found: dict[str, Any]) -> None:
    bench.destroy()
    assert bench.account.configuration() == found["configuration"]
    assert bench.account.records() == found["records"]
    bench.account.sdk.dns.records.delete(bench.account.record_id(HOST), zone_id=ZONE)


def with_own_tunnel(settings: dict[str, Any]) -> None:
    settings["route"] = {"kind": "none"}
    settings["cloudflare"] = {"kind": "ownTunnel", "access": {"emails": ["owner@example.com"]}}
    lab = yaml.safe_load((SOURCE / "Pulumi.lab.yaml").read_text())["config"]
    settings["photoSync"] = {**lab["immich-icloud:photoSync"], "signIn": {"host": PAGE}}
    settings["icloudCredentials"] = lab["immich-icloud:icloudCredentials"]


def own_tunnel(bench: Bench) -> str:
    (tunnel,) = [
        tunnel
        for tunnel in bench.account.sdk.zero_trust.tunnels.cloudflared.list(account_id=ACCOUNT, is_deleted=False)
        if tunnel.name == "immich"
    ]
    return str(tunnel.id)


def test_a_tunnel_of_our_own_behind_access(bench: Bench, found: dict[str, Any]) -> None:
    bench.set(with_own_tunnel)
    where = "immich-icloud:notifications.urls[0]"
    bench.pulumi("config", "set", "--secret", "--path", "--stack", bench.stack, where, told="json://127.0.0.1:9/photos")
    run = bench.up()
    tunnel = own_tunnel(bench)
    assert (
        run.outputs.items()
        >= {
            "route_kind": "ownTunnel",
            "tunnel_id": tunnel,
            "dns_target": f"{tunnel}.cfargotunnel.com",
            "access_client_id": "[secret]",
            "access_client_secret": "[secret]",
        }.items()
    )
    configuration = bench.account.sdk.zero_trust.tunnels.cloudflared.configurations.get(tunnel, account_id=ACCOUNT)
    assert configuration
    assert configuration.config
    assert configuration.config.to_dict()["ingress"] == [
        {"hostname": HOST, "service": "http://immich-server.immich.svc.cluster.local:3001"},
        {"hostname": PAGE, "service": "http://icloud-sign-in-coulton.photo-sync.svc.cluster.local:8080"},
        {"service": "http_status:404"},
    ]
    deployment = bench.get(Ref("apps/v1", "Deployment", "cloudflared", "cloudflared"))
    assert deployment["status"]["readyReplicas"] == 2
    assert bench.get(CLOUDFLARED)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    applications: list[Any] = [
        a.to_dict() for a in bench.account.sdk.zero_trust.access.applications.list(account_id=ACCOUNT)
    ]
    assert {a["domain"]: len(a["policies"]) for a in applications} == {HOST: 2, PAGE: 1}
    assert bench.account.record(PAGE)["content"] == f"{tunnel}.cfargotunnel.com"
    assert bench.get(Ref("v1", "Service", "icloud-sign-in-coulton", "photo-sync"))["spec"]["publishNotReadyAddresses"]
    assert bench.account.configuration() == found["configuration"]


def test_a_second_up_changes_nothing(bench: Bench) -> None:
    before = bench.account.writes()
    assert changed(bench.up()) == []
    assert bench.account.writes() == before


def test_no_secret_is_in_plain_text_anywhere(bench: Bench) -> None:
    tunnel = own_tunnel(bench)
    token = bench.account.sdk.zero_trust.tunnels.cloudflared.token.get(tunnel, account_id=ACCOUNT)
    secret = bench.get(Ref("v1", "Secret", "cloudflared", "cloudflared"))["data"]["token"]
    secrets = [str(token), secret, *map(bench.secret_output, ("access_client_id", "access_client_secret"))]
    assert bench.plain_text(*secrets) == []


def test_a_deleted_tunnel_is_recreated(bench: Bench) -> None:
    gone = own_tunnel(bench)
    bench.account.sdk.zero_trust.tunnels.cloudflared.delete(gone, account_id=ACCOUNT)
    (error,) = bench.run("preview").errors
    assert "the tunnel immich of this stack was deleted at Cloudflare" in error
    _, command, urn, _ = re.split(f"(pulumi state delete --stack {bench.stack} .*) '(.*)'", error)
    bench.pulumi(*command.split()[1:], "--yes", urn)
    bench.up()
    assert own_tunnel(bench) != gone
    assert {bench.account.record(host)["content"] for host in (HOST, PAGE)} == {f"{own_tunnel(bench)}.cfargotunnel.com"}
    template = bench.get(Ref("apps/v1", "Deployment", "cloudflared", "cloudflared"))["spec"]["template"]
    assert template["metadata"]["annotations"]["immich-icloud/tunnel"] == own_tunnel(bench)


def test_a_connected_tunnel_is_not_deleted(bench: Bench) -> None:
    tunnel = own_tunnel(bench)
    bench.account.connectors(tunnel, WORLD.connectors[HOMELAB])
    run = bench.run("destroy")
    assert not run.succeeded
    assert any("1022" in error for error in run.errors)
    assert own_tunnel(bench) == tunnel
    bench.account.connectors(tunnel, [])
    bench.destroy()
    assert bench.cluster.get(CLOUDFLARED) is None


def test_a_record_like_the_neighbours(bench: Bench) -> None:
    bench.reset_settings()
    bench.set(lambda settings: settings.update(cloudflare={"kind": "dnsRecord", "sameAs": "mealie.coultonf.com"}))
    before = bench.account.configuration()
    run = bench.up()
    assert run.outputs["route_kind"] == "dnsRecord"
    ours, mealie = bench.account.record(HOST), bench.account.record("mealie.coultonf.com")
    assert {**ours, "name": "", "comment": ""} == {**mealie, "name": "", "comment": ""}
    assert changed(bench.up()) == []
    assert bench.account.configuration() == before


def test_a_record_of_another_type_takes_its_place(bench: Bench) -> None:
    bench.set(lambda settings: settings.update(cloudflare={"kind": "dnsRecord", "target": "198.41.0.4"}))
    bench.up()
    assert (bench.account.record(HOST)["type"], bench.account.record(HOST)["content"]) == ("A", "198.41.0.4")
    bench.destroy()
    assert [record["name"] for record in bench.account.records()] == ["mealie.coultonf.com"]
