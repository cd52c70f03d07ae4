"""Through a tunnel that others use: deploy, deploy again, drift, faults, remove. In this order, on one rehearsal."""

import shutil
from typing import Any

import pytest

from clients.kubernetes import Ref
from lab.cloudflare.world import TOKEN
from tests.rehearsal.account import HOMELAB
from tests.rehearsal.conftest import Bench, changed

HOST = "immich.coultonf.com"
NGINX = "http://ingress-nginx-controller.ingress-nginx.svc.cluster.local:80"
DIRECT = "http://immich-server.immich.svc.cluster.local:3001"
LEASE = Ref("coordination.k8s.io/v1", "Lease", f"immich-icloud-tunnel-{HOMELAB}", "default")
CONFIGURATION = f"*/cfd_tunnel/{HOMELAB}/configurations"
RULES, RECORD = "cloudflare-rules", "cloudflare-record"


@pytest.fixture(scope="module")
def found(bench: Bench) -> dict[str, Any]:
    """The tunnel's document and the records before anything of this stack."""
    return {"configuration": bench.account.configuration(), "records": bench.account.records()}


def without_cloudflare(settings: dict[str, Any]) -> None:
    del settings["cloudflare"], settings["cloudflareToken"]


def with_ours(found: dict[str, Any], service: str = NGINX) -> dict[str, Any]:
    """The document as found, and our one rule before the wildcard."""
    mealie, files, *rest = found["configuration"]["ingress"]
    ours = {"hostname": HOST, "service": service}
    return {**found["configuration"], "ingress": [mealie, files, ours, *rest]}


def test_a_stack_without_cloudflare_asks_for_nothing(bench: Bench, found: dict[str, Any]) -> None:
    bench.set(without_cloudflare)
    run = bench.up()
    assert run.outputs["route_kind"] == "none"
    assert bench.account.writes() == []
    assert bench.account.configuration() == found["configuration"]
    # As an `up` that is killed before it notes anything down leaves the state.
    shutil.copy(bench.state_file, bench.home / "before.json")
    bench.reset_settings()


def test_preview_shows_the_rule_and_the_limits(bench: Bench) -> None:
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    assert changed(preview) == [("create", RECORD), ("create", RULES)]
    told = [diagnostic.text for diagnostic in preview.diagnostics]
    assert f"the rule {HOST} → {NGINX} goes before *.coultonf.com → {NGINX}" in told
    assert any(text.startswith("Cloudflare takes at most 100 MB in one request (plan Free)") for text in told)
    assert bench.account.writes() == []


def test_up_adds_a_rule_and_a_record_and_touches_nothing_else(bench: Bench, found: dict[str, Any]) -> None:
    run = bench.up()
    assert changed(run) == [("create", RECORD), ("create", RULES)]
    assert bench.account.configuration() == with_ours(found)
    assert bench.account.record(HOST) == {
        "type": "CNAME",
        "name": HOST,
        "content": f"{HOMELAB}.cfargotunnel.com",
        "proxied": True,
        "ttl": 1,
        "comment": "immich-icloud/lab",
    }
    assert (
        run.outputs.items()
        >= {
            "immich_url": f"https://{HOST}",
            "route_kind": "sharedTunnel",
            "dns_record": HOST,
            "dns_target": f"{HOMELAB}.cfargotunnel.com",
            "tunnel_id": HOMELAB,
        }.items()
    )


def test_second_up_writes_nothing(bench: Bench) -> None:
    before = bench.account.writes()
    assert changed(bench.up()) == []
    assert bench.account.writes() == before


def test_an_up_that_was_killed_before_it_noted_anything_down_goes_on(bench: Bench, found: dict[str, Any]) -> None:
    record = bench.account.record_id(HOST)
    version = bench.account.version()
    shutil.copy(bench.home / "before.json", bench.state_file)
    run = bench.up()
    assert changed(run) == [("import", RECORD), ("create", RULES)]
    assert bench.account.version() == version
    assert bench.account.configuration() == with_ours(found)
    assert bench.account.record_id(HOST) == record


def test_drift_shows_as_properties_and_is_repaired(bench: Bench, found: dict[str, Any]) -> None:
    mealie, *rest = with_ours(found)["ingress"]
    everything = {"hostname": "*", "path": "^/share", "service": "http://share:80"}
    theirs = {**with_ours(found, "http://elsewhere:80"), "ingress": [mealie, everything, *rest]}
    theirs["ingress"] = [rule | {"service": "http://elsewhere:80"} if rule.get("hostname") == HOST else rule
                         for rule in theirs["ingress"]]  # fmt: skip
    bench.account.somebody_writes(theirs)

    run = bench.up()
    assert {step.name: dict(step.differences) for step in run.changed} == {
        RULES: {
            "covering": ([everything], []),
            "rules[0].service": ("http://elsewhere:80", NGINX),
        }
    }
    rule = "* (path ^/share) → http://share:80"
    moved = f"requests for {HOST} whose path matches ^/share move from {rule} to this stack's rule"
    assert moved in [diagnostic.text for diagnostic in run.diagnostics]
    assert bench.account.services() == {
        "mealie.coultonf.com": NGINX,
        HOST: NGINX,
        "*": "http://share:80",
        "files.coultonf.com": "http://files.files.svc.cluster.local:8080",
        "*.coultonf.com": NGINX,
        "": "http_status:404",
    }
    bench.account.somebody_writes(with_ours(found))


def test_a_change_is_one_write(bench: Bench, found: dict[str, Any]) -> None:
    before = bench.account.writes()
    bench.set(lambda settings: settings["cloudflare"].pop("origin"))
    assert changed(bench.up()) == [("update", RULES)]
    assert bench.account.configuration() == with_ours(found, DIRECT)
    assert len(bench.account.writes()) == len(before) + 1
    bench.reset_settings()


def test_a_write_without_an_answer_is_looked_for(bench: Bench, found: dict[str, Any]) -> None:
    bench.account.somebody_writes(found["configuration"])
    bench.account.fault("timeOut", "PUT", CONFIGURATION)
    assert changed(bench.up()) == [("update", RULES)]
    assert bench.account.configuration() == with_ours(found)


def test_a_concurrent_change_is_reported(bench: Bench, found: dict[str, Any]) -> None:
    bench.account.somebody_writes(found["configuration"])
    version = bench.account.version()
    theirs = {**found["configuration"], "ingress": [{"hostname": "new.coultonf.com", "service": "http://new:80"},
                                                    *found["configuration"]["ingress"]]}  # fmt: skip
    bench.account.fault("otherWriter", "PUT", CONFIGURATION, config=theirs)
    run = bench.run("up")
    assert not run.succeeded
    assert any(f"this run read version {version} and left version {version + 2}" in error for error in run.errors)
    assert any(f"What version {version + 1} changed may be lost" in error for error in run.errors)
    assert bench.account.configuration() == with_ours(found)


def test_a_rotated_token_breaks_neither_preview_nor_up(bench: Bench) -> None:
    next_token = "the-next-token-of-the-rehearsal-opens-nothing"  # noqa: S105 (it opens nothing)
    bench.account.give_token(next_token)
    bench.set_secret("cloudflareToken", next_token)
    bench.account.give_token(TOKEN, status="expired")
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    assert {name for _, name in changed(preview)} <= {"cloudflare"}  # only the provider's own secret
    bench.up()
    bench.account.give_token(TOKEN)
    bench.reset_settings()


def test_an_expired_token_is_reported_before_anything_is_changed(bench: Bench) -> None:
    bench.account.give_token(TOKEN, status="expired")
    preview = bench.run("preview")
    bench.account.give_token(TOKEN)
    (error,) = preview.errors
    assert "the Cloudflare API token is expired" in error
    assert TOKEN not in error


@pytest.mark.parametrize(
    ("tunnel", "why"),
    [
        ("workshop", "the tunnel workshop is locally managed"),
        ("homelap", "the account has no tunnel homelap. It has: homelab, workshop"),
    ],
)
def test_a_tunnel_that_can_not_be_used(bench: Bench, tunnel: str, why: str) -> None:
    bench.set(lambda settings: settings["cloudflare"].update(tunnel=tunnel))
    preview = bench.run("preview")
    bench.reset_settings()
    assert not preview.succeeded
    assert why in preview.errors[0]


def test_no_secret_is_in_plain_text_anywhere(bench: Bench) -> None:
    assert bench.plain_text(TOKEN) == []


def test_destroy_restores_what_was_adopted(bench: Bench, found: dict[str, Any]) -> None:
    assert bench.cluster.get(LEASE)
    bench.destroy()
    assert bench.account.configuration() == found["configuration"]
    assert bench.account.records() == found["records"]
    assert bench.cluster.get(LEASE) is None
