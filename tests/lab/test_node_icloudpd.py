"""The stand-in for icloudpd as the image's program: what it keeps, fetches and says, and that our script takes it."""

import json
import subprocess
from http.cookiejar import LWPCookieJar
from pathlib import Path

import pytest

from components.photo_disk import IMPORT_FOLDER, MARK
from lab.node import icloudpd, programs
from tests.accounts import APPLE_ID, PASSWORD, household, sync_job
from tests.node_stand_in import Node

PHOTOS = ["2026/01/01/IMG_0001.JPG", "2026/08/15/IMG_0002.JPG", "2026/08/15/IMG_0003.JPG", "2026/10/31/IMG_0004.JPG"]


class Home:
    """A node with a marked photo disk, and the account anna."""

    def __init__(self, base: Path) -> None:
        self.program = programs.put(base).programs["/app/icloudpd"]
        self.node = Node(base / "disk", base / "record", programs.put(base), base / "secret")
        self.photos = self.node.path("icloud-photos") / IMPORT_FOLDER
        self.cookies = self.node.path("icloud-cookies-anna")
        for place in (self.photos, self.cookies, base / "secret"):
            place.mkdir(parents=True)
        (self.photos.parent / MARK).touch()
        (base / "secret" / "appleId").write_text(APPLE_ID)
        (base / "secret" / "password").write_text(PASSWORD)

    def run(self, *words: str, told: str = "") -> str:
        """Run it with what somebody tells it, and return what it says."""
        command: list[str | Path] = [self.program, "--username", APPLE_ID, "--cookie-directory", self.cookies, *words]
        ended = subprocess.run(
            command, input=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=20,
            start_new_session=True,
        )  # fmt: skip
        return str(ended.stdout)

    def sign_in(self, *answers: str) -> str:
        return self.run("--auth-only", told="\n".join([PASSWORD, *answers, ""]))

    def fetch(self, *words: str) -> str:
        return self.run("--directory", str(self.photos), *words)

    def fetched(self) -> list[str]:
        return sorted(str(file.relative_to(self.photos)) for file in self.photos.rglob("*.JPG"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_signing_in_keeps_a_session_that_lasts(home: Home) -> None:
    said = home.sign_in("123456")
    assert f"{icloudpd.ASKS_PASSWORD}{APPLE_ID}:" in said
    assert f"{icloudpd.ASKS_CODE}a{icloudpd.OR_SENDS_ONE}: " in said
    assert said.endswith(f" INFO     {icloudpd.SIGNED_IN}\n")
    assert PASSWORD not in said
    assert json.loads((home.cookies / "annaexamplecom.session").read_text())["trust_token"]
    jar = LWPCookieJar(str(home.cookies / "annaexamplecom"))
    jar.load(ignore_discard=True)
    assert "X-APPLE-WEBAUTH-HSA-TRUST" in {cookie.name for cookie in jar}
    assert icloudpd.TWO_FACTOR not in home.run("--auth-only"), "a second time nobody is asked"


def test_a_code_can_be_sent_to_the_phone(home: Home) -> None:
    said = home.sign_in("12345", "a", "123456")
    assert icloudpd.UNREADABLE in said
    assert f"{icloudpd.ASKS_SENT_CODE}: " in said
    assert icloudpd.SIGNED_IN in said


def test_a_wrong_code_signs_nobody_in(home: Home) -> None:
    assert icloudpd.WRONG_CODE in home.sign_in("654321")
    assert "trust_token" not in (home.cookies / "annaexamplecom.session").read_text()


def test_photos_are_fetched_once(home: Home) -> None:
    home.sign_in("123456")
    said = home.fetch()
    assert home.fetched() == PHOTOS
    assert said.count(" INFO     Downloaded ") == 4
    assert said.endswith(f"All photos and videos{icloudpd.HAVE_BEEN_FETCHED}\n")
    contents = {name: (home.photos / name).read_bytes() for name in PHOTOS}
    assert len(set(contents.values())) == 4
    assert all(content.startswith(b"\xff\xd8\xff") for content in contents.values())
    (home.photos / PHOTOS[0]).unlink()
    said = home.fetch()
    assert (said.count(" already exists\n"), said.count(" INFO     Downloaded ")) == (3, 1)
    assert {name: (home.photos / name).read_bytes() for name in PHOTOS} == contents


@pytest.mark.parametrize(
    ("words", "fetched"),
    [
        (["--recent", "1"], ["2026/10/31/IMG_0004.JPG"]),
        (["--folder-structure", "none", "--recent", "2"], ["IMG_0003.JPG", "IMG_0004.JPG"]),
        (["--dry-run"], []),
    ],
    ids=" ".join,
)
def test_what_is_asked_for_is_fetched(home: Home, words: list[str], fetched: list[str]) -> None:
    home.sign_in("123456")
    home.fetch(*words)
    assert home.fetched() == fetched


def test_it_stops_where_it_found_enough(home: Home) -> None:
    home.sign_in("123456")
    home.fetch()
    assert icloudpd.FOUND_ENOUGH.replace("%s", "2") in home.fetch("--until-found", "2")


def test_our_script_takes_it_for_icloudpd(home: Home) -> None:
    settings = household()
    assert home.node.run(sync_job(settings, FLOOR="0")).code == 1, "nobody has signed in"
    home.sign_in("123456")
    for fetched, there in ((4, 0), (0, 4)):
        ended = home.node.run(sync_job(settings, FLOOR="0"))
        assert (ended.code, ended.error) == (0, "")
        assert f"anna: {fetched} files fetched" in ended.out
        assert f" {there} skipped that are there already, 0 errors" in ended.out
    assert home.fetched() == PHOTOS
