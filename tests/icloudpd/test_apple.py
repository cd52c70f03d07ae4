"""The stand-in for Apple, held against the real icloudpd: signing in, listing, fetching, and what goes wrong."""

import json
from dataclasses import replace
from http.cookiejar import LWPCookieJar
from pathlib import Path
from typing import Any

import pytest

from lab.apple.world import CODE, account, found, household
from tests.icloudpd.client import APPLE_ID, DOWNLOADS, PASSWORD, QUERIES, Client

PHOTOS = ["2026/01/01/IMG_0001.JPG", "2026/08/15/IMG_0002.JPG", "2026/08/15/IMG_0003.JPG", "2026/10/31/IMG_0004.JPG"]
NEWEST = PHOTOS[-1]
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


def test_photos_are_fetched_once_and_byte_for_byte(signed_in: Client) -> None:
    assert signed_in.fetch().said[-1] == "All photos and videos have been downloaded"
    assert list(signed_in.files()) == PHOTOS
    library = found().library(APPLE_ID)
    wanted = sorted(one.of_master["resOriginal"].content for one in library.assets)
    assert sorted((signed_in.photos / name).read_bytes() for name in PHOTOS) == wanted
    again = signed_in.fetch()
    assert (again.out.count(" already exists\n"), again.out.count(" Downloaded ")) == (4, 0)


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


def test_albums_and_libraries_are_listed(signed_in: Client) -> None:
    signed_in.account(photos=household())
    assert signed_in.run("--list-albums").out.splitlines()[-2:] == ["Summer", "Été à la mer"]
    assert {"PrimarySync", SHARED} <= set(signed_in.run("--list-libraries").out.splitlines())


def test_thousands_come_in_pages(signed_in: Client) -> None:
    signed_in.account(photos=[], more=250)
    ended = signed_in.fetch("--dry-run")
    assert "Downloading 250 original" in ended.out
    assert ended.out.count(" Would download ") == 250


@pytest.mark.parametrize("kind", ["cut", "dropped", "otherSize"])
def test_a_file_that_did_not_arrive_whole_is_kept_and_passes(signed_in: Client, kind: str) -> None:
    """Which is why its word is no evidence (icloudpd #1311, #1271); a second look has another name for the file."""
    signed_in.account(photos=[{"name": "IMG_0004.JPG", "taken": "2026-10-31T18:04", "size": 5000}])
    signed_in.goes_wrong(kind)
    ended = signed_in.fetch()
    assert (ended.code, ended.said[-1]) == (0, "All photos and videos have been downloaded")
    assert signed_in.files() == {NEWEST: 4999 if kind == "otherSize" else 2500}
    assert f"Would download {signed_in.photos}/2026/10/31/IMG_0004-5000.JPG" in signed_in.fetch("--dry-run").out


# What goes wrong once, then what it says and its exit code.
ONCE: list[tuple[dict[str, Any], str, int]] = [
    *(
        ({"kind": "status", "path": DOWNLOADS, "status": status}, says, 0)
        for status, says in {
            410: "Gone (410)",
            421: "Authentication required for Account. (421)",
            423: "Locked (423)",
            429: "Too Many Requests (429)",
            500: "Authentication required for Account. (500)",
        }.items()
    ),
    ({"kind": "status", "path": DOWNLOADS}, "Apple iCloud is temporary refusing to serve icloudpd", 1),
    ({"kind": "status", "path": QUERIES}, "Apple iCloud is temporary refusing to serve icloudpd", 1),
    ({"kind": "status", "path": QUERIES, "status": 421}, "Authentication required for Account. (421)", 1),
    ({"kind": "status", "path": QUERIES, "status": 423}, "Locked (423)", 1),
    ({"kind": "timeOut", "path": QUERIES}, "Cannot connect to Apple iCloud service", 1),
]


@pytest.mark.parametrize(("fault", "says", "code"), ONCE, ids=lambda value: str(value)[:70])
def test_what_goes_wrong_once_is_told(signed_in: Client, fault: dict[str, Any], says: str, code: int) -> None:
    signed_in.goes_wrong(**fault)
    ended = signed_in.fetch()
    assert ended.code == code
    assert says in ended.said
    assert signed_in.tell("GET", "faults") == []


# What stays wrong with an account, then what it says and its exit code.
CONDITIONS: dict[str, tuple[Any, str, int]] = {
    "advancedProtection": (True, "private db access disabled for this account", 1),
    "securityKey": (True, "(AUTHENTICATION_FAILED)", 1),
    "zoneMissing": (True, "(ZONE_NOT_FOUND)", 1),
    "busy": (True, "Apple iCloud is temporary refusing to serve icloudpd", 1),
    "indexing": (True, "Apple iCloud Photo Library has not finished indexing yet", 1),
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_stays_wrong_is_told(signed_in: Client, condition: str) -> None:
    value, says, code = CONDITIONS[condition]
    signed_in.account(**{condition: value})
    ended = signed_in.fetch()
    assert ended.code == code
    assert any(says in line for line in ended.said)


def test_a_listing_that_ends_early_passes(signed_in: Client) -> None:
    """Which is why announced and seen are compared (icloudpd #616, #1069, #1272)."""
    signed_in.account(listingEndsAfter=2)
    ended = signed_in.fetch()
    assert "Downloading 4 original" in ended.out
    assert (ended.code, len(signed_in.files())) == (0, 2)


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
