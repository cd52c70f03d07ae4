"""A sign-in from a phone: the containers before a fetch around the real icloudpd, and its page as a browser uses it.

The released program with its whole page is tried by `python -m tests.icloudpd.released`.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.result import Code
from lab.apple.world import CODE, account, found
from tests.icloudpd.client import APPLE_ID, Client
from tests.icloudpd.phone import PUSHED, SIGN_INS, VALIDATED, Phone

LINK = "iCloud photos of anna: sign in"
FAILED = "iCloud photos of anna: sync failed (signed-out)"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def phone(apple: Client, tmp_path: Path) -> Phone:
    apple.account(**account(**found().accounts[APPLE_ID]))
    return Phone.of(apple, tmp_path)


def test_a_code_typed_on_the_page_lets_the_run_go_on(phone: Phone) -> None:
    before = phone.asked(PUSHED)
    ended = phone.run("654321", CODE)
    assert {name: one.code for name, one in ended.items()} == dict.fromkeys(ended, 0)
    assert (ended["icloudpd"].result.code, ended["icloudpd"].result.errors) == (Code.SYNCED, 0), "a typo is no error"
    assert [ended[name].message for name in ("find-session", "send-link", "sign-in")] == ["", "", ""]
    assert phone.asked(PUSHED) == before + 1
    assert phone.sent == [LINK]
    assert APPLE_ID not in ended["sign-in"].out
    assert {"refused", "asked"}.isdisjoint(place.name for place in phone.session.iterdir())


def test_with_a_good_session_one_request_is_made_and_nothing_is_sent(phone: Phone) -> None:
    phone.run(CODE)
    before = [phone.asked(one) for one in (PUSHED, SIGN_INS, VALIDATED)]
    ended = phone.run()
    assert ended["icloudpd"].result.code == Code.SYNCED
    assert [phone.asked(one) for one in (PUSHED, SIGN_INS, VALIDATED)] == [*before[:2], before[2] + 2], "and the fetch"
    assert phone.sent == [LINK]


def test_a_page_that_is_not_opened_ends_and_no_code_is_asked_for_until_a_week_later(phone: Phone) -> None:
    waits_briefly = Phone(phone.house, phone.port, waits="3")
    before = phone.asked(PUSHED)
    for _ in range(2):
        ended = waits_briefly.run()
        assert (ended["icloudpd"].code, ended["notify"].code) == (0, 1)
        assert ended["icloudpd"].result.code == Code.SIGNED_OUT
    assert phone.asked(PUSHED) == before + 1
    assert phone.sent == [LINK, FAILED], "of a failure, too, somebody is told once a day"
    (phone.session / "asked").write_text(f"{TODAY - timedelta(days=7)}\n")
    assert phone.run(CODE)["icloudpd"].result.code == Code.SYNCED
    assert phone.asked(PUSHED) == before + 2


def test_where_the_link_is_not_delivered_no_code_is_asked_for(phone: Phone) -> None:
    phone.reach(anybody=False)
    before = phone.asked(PUSHED)
    ended = phone.run()
    assert ended["send-link"].out == "notifications.urls[0] could not be reached\n"
    assert ended["icloudpd"].result.code == Code.SIGNED_OUT
    assert phone.asked(PUSHED) == before
    phone.reach()
    assert phone.run(CODE)["icloudpd"].result.code == Code.SYNCED, "the next run sends it"


def test_a_wrong_password_is_tried_once_and_opens_no_page(phone: Phone) -> None:
    phone.house.client.account(password="another")  # noqa: S106
    before = [phone.asked(one) for one in (PUSHED, SIGN_INS)]
    for _ in range(2):
        assert phone.run()["icloudpd"].result.code == Code.WRONG_PASSWORD
    assert [phone.asked(one) for one in (PUSHED, SIGN_INS)] == [before[0], before[1] + 1]
    assert LINK not in phone.sent


def test_a_code_that_comes_too_late_is_followed_by_another_one(phone: Phone) -> None:
    """Apple ends a sign-in that waits too long; icloudpd alone would sign in again and again."""
    before = phone.asked(PUSHED)
    phone.house.client.goes_wrong("status", "/idmsa.apple.com/*/securitycode", method="POST", status=421)
    # The second one may go to the page that is about to end.
    assert phone.run(CODE, CODE, CODE)["icloudpd"].result.code == Code.SYNCED
    assert phone.asked(PUSHED) == before + 2


def test_a_page_that_ends_with_its_node_is_opened_again_by_the_next_run(phone: Phone) -> None:
    assert "notify" not in phone.run(evicted=True)
    assert phone.run(CODE)["icloudpd"].result.code == Code.SYNCED
    assert phone.sent == [LINK, LINK]


def test_an_account_that_never_was_signed_in_can_be_from_the_first(phone: Phone) -> None:
    """Also where a page waited before on a day that is still to come, as the clock was wrong."""
    for place in phone.session.iterdir():
        place.unlink()
    (phone.session / "asked").write_text(f"{TODAY + timedelta(days=9000)}\n")
    assert phone.run(CODE)["icloudpd"].result.code == Code.SYNCED
