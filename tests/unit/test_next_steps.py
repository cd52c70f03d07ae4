"""What is left for a person to do on a stack, word for word, and when nothing is."""

import io
import socket
from typing import Any

import pytest
from rich.console import Console

from clients.kubernetes import Manifest, Ref
from components.ownership import Ownership
from components.plan import Found, plan
from lab.display import print_steps
from observe import resolves
from observe.planned import synced
from settings import Settings
from tests.accounts import household
from tests.objects import SERVERS
from tests.unit.configured import configured
from tests.unit.well import settings

HOMELAB = "immich-icloud/homelab"
NAME_ACCOUNTS = (
    "Name the household's iCloud accounts and store how each signs in, so that photos are fetched (docs/photos.md): "
    "`pulumi config set --stack homelab --path 'immich-icloud:photoSync.accounts[0].name' NAME`, "
    "`pulumi config set --stack homelab --secret --path immich-icloud:icloudCredentials.NAME.appleId`, likewise "
    ".password, then `make up STACK=homelab`"
)
STORE_KEY = (
    "Store an API key of Immich, so that a library shows the photos (docs/photos.md says which): "
    "`pulumi config set --stack homelab --secret immich-icloud:immichApiKey`, then `make up STACK=homelab`"
)
END_ADOPTION = (
    "Take immich-icloud:adoptExisting out of Pulumi.homelab.yaml, as everything is adopted, then "
    "`make up STACK=homelab`: while it is set, an unmarked directory is marked"
)
GIVE_VALUES = (
    "Have Immich's chart mount the photos (docs/adopt.md): put what `make chart-values STACK=homelab` prints into its "
    "values, and have it applied server-side"
)
MAKE_RECORD = (
    "Make a DNS record of immich.example.com that leads to the cluster, where you keep its domain: "
    "immich-icloud:cloudflare is of kind none, and no resolver knows the name. `dig +short immich.example.com` shows "
    "when one does"
)


def sign_in(account: str) -> str:
    return (
        f"Sign account {account} in, with the code that Apple sends, and fetch its first photos: "
        f"`make icloud-login STACK=homelab ACCOUNT={account} && make sync-now STACK=homelab ACCOUNT={account}`"
    )


def left(of: Settings, stack: str = HOMELAB, **found: Any) -> list[str]:
    return plan(of, Found(SERVERS, **found), Ownership(stack)).outputs.next_steps


def test_nothing_is_left_on_a_stack_that_shows_its_photos() -> None:
    assert left(settings(), synced=frozenset({"anna"})) == []


def test_all_that_can_be_left_in_the_order_in_which_it_is_done() -> None:
    assert left(configured(adoptExisting=True), resolves=False) == [
        END_ADOPTION, NAME_ACCOUNTS, STORE_KEY, MAKE_RECORD,
    ]  # fmt: skip


def test_the_chart_is_given_the_mount_until_it_has_it() -> None:
    by_chart = configured(immich={"mount": "chart"})
    assert left(by_chart, mounted=False) == [GIVE_VALUES, NAME_ACCOUNTS, STORE_KEY]
    assert left(by_chart) == left(configured(), mounted=False) == [NAME_ACCOUNTS, STORE_KEY]


def test_an_account_signs_in_until_its_photos_have_been_fetched_once() -> None:
    three = household({"name": "anna"}, {"name": "ben"}, {"name": "cleo"})
    assert left(three, synced=frozenset({"ben"})) == [STORE_KEY, sign_in("anna"), sign_in("cleo")]


@pytest.mark.parametrize("cloudflare", [{"kind": "sharedTunnel", "tunnel": "homelab"}, {"kind": "ownTunnel"}])
def test_a_record_of_this_stack_is_no_next_step(cloudflare: Manifest) -> None:
    assert left(settings(cloudflare=cloudflare), synced=frozenset({"anna"}), resolves=False) == []


def test_a_cron_job_remembers_that_photos_were_fetched() -> None:
    two = household({"name": "anna"}, {"name": "ben"})
    live = {
        Ref("batch/v1", "CronJob", f"icloud-sync-{account}", "photo-sync"): {"status": {key: "2026-11-26T12:00:00Z"}}
        for account, key in (("anna", "lastSuccessfulTime"), ("ben", "lastScheduleTime"))
    }
    assert synced(two, live) == {"anna"}
    assert synced(two, {}) == frozenset()


@pytest.mark.parametrize("known", [True, False])
def test_a_name_leads_somewhere_when_a_resolver_knows_it(monkeypatch: pytest.MonkeyPatch, *, known: bool) -> None:
    def resolve(name: str, _port: None) -> list[str]:
        assert name == "immich.example.com"
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return ["192.0.2.1"]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert resolves(configured()) is known


def test_no_resolver_is_asked_for_a_record_of_this_stacks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert resolves(settings())


@pytest.mark.parametrize(
    ("steps", "printed"), [(["Do [this].", "Do that."], "  1. Do [this].\n  2. Do that.\n"), ([], "")]
)
def test_the_rehearsal_prints_them_as_a_numbered_list(steps: list[str], printed: str) -> None:
    told = io.StringIO()
    print_steps(Console(file=told, width=200), steps)
    heading, _, rest = told.getvalue().partition("\n")
    assert rest == printed
    assert bool(heading) is bool(steps)
