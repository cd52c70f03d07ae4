"""Another host: its record first, then one write of the tunnel and one of the Ingress; the old record goes last."""

from typing import Any

import pytest

from tests.rehearsal.account import HOMELAB, ZONE
from tests.rehearsal.conftest import INGRESS, Bench, MakeBench, changed

HOST, NEXT = "immich.coultonf.com", "photos.coultonf.com"
MARK = "immich-icloud/lab"
RULES, RECORD, ROUTE = "cloudflare-rules", "cloudflare-record", "route-ingress"


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    bench = make_bench("found")
    bench.up()
    return bench


def to(bench: Bench, host: str) -> None:
    bench.set(lambda settings: settings.update(host=host))


def make_record(bench: Bench, host: str, comment: str = "") -> str:
    target = f"{HOMELAB}.cfargotunnel.com" if comment else "elsewhere.coultonf.com"
    made = bench.account.sdk.dns.records.create(
        zone_id=ZONE, name=host, type="CNAME", content=target, ttl=1, proxied=True, comment=comment
    )
    assert made
    return str(made.id)


def remove_record(bench: Bench, host: str) -> None:
    bench.account.sdk.dns.records.delete(bench.account.record_id(host), zone_id=ZONE)


def served(bench: Bench) -> dict[str, Any]:
    """Where the host leads, by each write that moves requests."""
    return {
        "records": {record["name"] for record in bench.account.records()} & {HOST, NEXT},
        "rules": bench.account.services().keys() & {HOST, NEXT},
        "ingress": {rule["host"] for rule in bench.get(INGRESS)["spec"]["rules"]},
    }


def only(host: str) -> dict[str, Any]:
    return {"records": {host}, "rules": {host}, "ingress": {host}}


def test_an_unmanaged_record_of_the_new_host_is_refused_before_the_first_write(bench: Bench) -> None:
    theirs = make_record(bench, NEXT)
    before = bench.account.writes()
    to(bench, NEXT)
    run = bench.run("up")
    assert not run.succeeded
    assert any(f"CNAME {NEXT} → elsewhere.coultonf.com" in error for error in run.errors)
    assert bench.account.writes() == before
    assert bench.account.record_id(NEXT) == theirs
    remove_record(bench, NEXT)
    assert served(bench) == only(HOST)


def test_a_first_step_that_fails_changes_nothing(bench: Bench) -> None:
    to(bench, NEXT)
    for _ in range(3):  # the provider tries again, twice
        bench.account.fault("unavailable", "POST", "*/dns_records")
    assert not bench.run("up").succeeded
    assert served(bench) == only(HOST)


def test_the_new_record_comes_first_and_the_old_one_goes_last(bench: Bench) -> None:
    to(bench, NEXT)
    old, before = bench.account.record_id(HOST), len(bench.account.writes())
    preview = bench.run("preview")
    assert any(f"from {HOST} to {NEXT}" in diagnostic.text for diagnostic in preview.diagnostics)
    run = bench.up()
    assert changed(run) == [
        ("create", f"{RECORD}-of-{NEXT}"),
        ("update", RULES),
        ("update", ROUTE),
        ("delete", RECORD),
    ]
    created, written, removed = bench.account.writes()[before:]
    assert (created.split()[0], created.rpartition("/")[2]) == ("POST", "dns_records")
    assert written.startswith("PUT ")
    assert removed.split()[0] == "DELETE"
    assert removed.endswith(old)
    assert served(bench) == only(NEXT)
    assert changed(bench.up()) == []


def test_a_new_record_that_an_interrupted_up_did_not_note_down_is_used(bench: Bench) -> None:
    unnoted = make_record(bench, HOST, MARK)
    to(bench, HOST)
    assert ("import", RECORD) in changed(bench.up())
    assert bench.account.record_id(HOST) == unnoted
    assert served(bench) == only(HOST)
    assert changed(bench.up()) == []


def test_a_change_that_was_interrupted_and_called_off_leaves_the_old_host(bench: Bench) -> None:
    kept = bench.account.record_id(HOST)
    to(bench, NEXT)
    for _ in range(5):  # the tunnel is tried so often
        bench.account.fault("unavailable", "PUT", "*/configurations")
    assert not bench.run("up").succeeded
    assert served(bench)["records"] == {HOST, NEXT}
    to(bench, HOST)
    assert changed(bench.up()) == [("update", RULES), ("delete", f"{RECORD}-of-{NEXT}")]
    assert bench.account.record_id(HOST) == kept
    assert served(bench) == only(HOST)


def test_a_record_that_was_deleted_and_made_again_with_our_comment_is_used(bench: Bench) -> None:
    remove_record(bench, HOST)
    again = make_record(bench, HOST, MARK)
    bench.up()
    assert bench.account.record_id(HOST) == again
    assert changed(bench.up()) == []


def test_a_record_recreated_outside_is_refused(bench: Bench) -> None:
    remove_record(bench, HOST)
    theirs = make_record(bench, HOST)
    assert not bench.run("up").succeeded
    assert bench.account.record_id(HOST) == theirs
    bench.destroy()
    assert bench.account.record_id(HOST) == theirs
