"""The stand-in for Apple, held against the real icloudpd alone; what our script makes of it is test_sync.py's."""

import json
from dataclasses import replace
from http.cookiejar import LWPCookieJar
from pathlib import Path

import pytest

from lab.apple.world import CODE, account, found, household
from tests.icloudpd.client import APPLE_ID, PASSWORD, Client

NEWEST = "2026/10/31/IMG_0004.JPG"
SHARED = "SharedSync-9DD9B767-9F30-4D6F-B658-F17DBA16D107"


@pytest.fixture
def client(apple: Client, tmp_path: Path) -> Client:
    """A person who has not signed in, nor fetched anything, at an Apple where all is well."""
    apple.account(**account(**found().accounts[APPLE_ID]))
    return replace(apple, photos=tmp_path / "photos", cookies=tmp_path / "cookies")


@pytest.fixture
def signed_in(client: Client, apple: Client) -> Client:
    return replace(client, cookies=apple.cookies)


def test_signing_in_keeps_a_session_that_lasts(client: Client) -> None:
    ended = client.sign_in()
    assert (ended.code, ended.said[-1]) == (0, "Authentication completed successfully")
    assert PASSWORD not in ended.out
    assert json.loads((client.cookies / "coultonexamplecom.session").read_text())["trust_token"]
    jar = LWPCookieJar(str(client.cookies / "coultonexamplecom"))
    jar.load(ignore_discard=True)
    assert {"X-APPLE-DS-WEB-SESSION-TOKEN", "X-APPLE-WEBAUTH-HSA-TRUST"} <= {one.name for one in jar if one.expires}
    assert client.run("--auth-only", told="").said[-1] == "Authentication completed successfully"


def test_a_code_can_be_sent_to_the_phone(client: Client) -> None:
    ended = client.sign_in("a", CODE)
    assert "  a: (***) ***-**12\n" in ended.out
    assert (ended.code, ended.said[-1]) == (0, "Authentication completed successfully")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ([PASSWORD, "654321"], "Failed to verify two-factor authentication code"),
        (["wrong"], "-20101"),
    ],
    ids=["code", "password"],
)
def test_a_wrong_credential_signs_no_account_in(client: Client, told: list[str], says: str) -> None:
    ended = client.run("--auth-only", told="\n".join([*told, ""]))
    assert ended.code == 1
    assert says in ended.out
    assert "trust_token" not in (client.cookies / "coultonexamplecom.session").read_text()


def test_a_household_has_one_of_everything(signed_in: Client) -> None:
    signed_in.account(photos=household())
    sizes = [word for size in ("original", "adjusted", "alternative") for word in ("--size", size)]
    ended = signed_in.fetch(*sizes)
    assert "Downloading 15 original,adjusted,alternative photos and videos to " in ended.out
    assert [*signed_in.files()] == [
        "2026/04/02/IMG_0201.JPG",
        "2026/05/01/IMG_0001.JPG",
        "2026/05/02/IMG_0001-800.JPG",
        "2026/05/02/IMG_0001.JPG",
        "2026/06/10/Été 1.JPG",
        "2026/06/11/Фото.HEIC",
        "2026/06/12/写真.JPG",
        "2026/07/14/IMG_0107.PNG",
        "2026/07/15/IMG_0106.MOV",
        "2026/07/16/IMG_0105.DNG",
        "2026/07/17/IMG_0104.DNG",
        "2026/07/17/IMG_0104.JPG",
        "2026/07/18/IMG_0103-adjusted.JPG",
        "2026/07/18/IMG_0103.JPG",
        "2026/07/19/IMG_0102.JPG",
        "2026/07/19/IMG_0102.MOV",
        "2026/07/20/IMG_0101.HEIC",
        "2026/07/20/IMG_0101_HEVC.MOV",
    ]


@pytest.mark.parametrize(
    ("words", "announced", "files"),
    [
        (["--recent", "1"], "the first original photo or video", {"IMG_0101.HEIC", "IMG_0101_HEVC.MOV"}),
        (["--album", "Summer"], "2 original", {"IMG_0106.MOV", "写真.JPG"}),
        (["--album", "Summer", "--album", "Été à la mer"], "4 original", {"IMG_0106.MOV", "写真.JPG", "Été 1.JPG"}),
        (["--album", "Hidden"], "the first", {"IMG_0301.JPG"}),
        (["--album", "Recently Deleted"], "the first", {"IMG_0302.JPG"}),
        (["--album", "Favorites"], "the first", {"IMG_0102.JPG", "IMG_0102.MOV"}),
        (["--library", SHARED], "2 original", {"IMG_0401.JPG", "IMG_0402.HEIC", "IMG_0402_HEVC.MOV"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_asked_for_is_fetched(signed_in: Client, words: list[str], announced: str, files: set[str]) -> None:
    signed_in.account(photos=household())
    assert f"Downloading {announced} " in signed_in.fetch(*words).out
    assert {name.rpartition("/")[2] for name in signed_in.files()} == files


def test_thousands_come_in_pages(signed_in: Client) -> None:
    signed_in.account(photos=[], more=250)
    ended = signed_in.fetch()
    assert "Downloading 250 original" in ended.out
    assert len(signed_in.files()) == 250


@pytest.mark.parametrize("kind", ["cut", "dropped", "otherSize"])
def test_a_file_that_did_not_arrive_whole_is_kept_and_passes(signed_in: Client, kind: str) -> None:
    """Which is why its word is no evidence (icloudpd #1311, #1271); a second look has another name for the file."""
    signed_in.account(photos=[{"name": "IMG_0004.JPG", "taken": "2026-10-31T18:04", "size": 5000}])
    signed_in.goes_wrong(kind)
    ended = signed_in.fetch()
    assert (ended.code, ended.said[-1]) == (0, "All photos and videos have been downloaded")
    assert signed_in.files() == {NEWEST: 4999 if kind == "otherSize" else 2500}
    assert f"Would download {signed_in.photos}/2026/10/31/IMG_0004-5000.JPG" in signed_in.fetch("--dry-run").out


def test_a_session_of_the_web_ends_before_the_browser_s_trust(client: Client) -> None:
    client.sign_in()
    client.tell("DELETE", f"web/{APPLE_ID}")
    ended = client.fetch("--dry-run")
    assert (ended.code, ended.said[1]) == (0, "Authentication required for Account. (421)")
    (client.cookies / "coultonexamplecom.session").write_text('{"trust_token": "one that Apple has forgotten"}')
    ended = client.fetch("--dry-run")
    assert ended.code == 1
    assert "Two-factor authentication is required (2fa)" in ended.said


def test_a_locked_account_looks_like_a_wrong_password_with_a_code_of_its_own(client: Client) -> None:
    client.account(locked=True)
    ended = client.sign_in()
    assert ended.code == 1
    assert "Invalid email/password combination." in ended.said[-1]
    assert "-20209" in ended.said[-1]
