"""The script that runs icloudpd, on stand-ins for node and icloudpd, under each shell at hand: all ways to fail."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients import pod_end
from clients.result import Code, parse
from components import photo_sync
from components.photo_disk import MARK
from lab.node.container import Image
from ops.checks import CHECKS
from ops.checks.check import Result
from ops.facts.part import there
from ops.facts.photo_sync import SyncRun
from settings import Settings
from settings.notifications import Notifications
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import APPLE_ID, DISK_ID, PASSWORD, household, sync_job
from tests.icloudpd_stand_in import (
    ALL_FETCHED,
    ASKS_CODE,
    BEGINS,
    ENDS,
    FETCHES,
    OR_SENDS_ONE,
    SIGNS_IN_ANEW,
    SUCCEEDS,
    TWO_FACTOR,
    UNREADABLE,
    Icloudpd,
    announces,
    cookies,
    log,
    prompt,
)
from tests.node_stand_in import Ended, Filesystems, Node, Started, shells
from tests.unit.well import NOW, well
from text.finding import Finding

LOGIN = "make icloud-login STACK=test ACCOUNT=anna"
NOT_SIGNED_IN = (
    f"account anna has no valid session at Apple. Sign in, with the code that Apple sends to its devices: {LOGIN}"
)
GIB = 2**20  # KiB
ROOM = 50 * GIB


def job(settings: Settings, **environment: str) -> dict[str, Any]:
    """The first account's Job; it looks at the disk all the time."""
    return sync_job(settings, **{"EVERY": "0.05", "RETRY_AFTER": "", **environment})


@dataclass(frozen=True)
class House:
    """A node whose photo disk is marked, and an account that is signed in."""

    node: Node
    icloudpd: Icloudpd

    @property
    def photos(self) -> Path:
        return self.node.path("icloud-photos")

    @property
    def folder(self) -> Path:
        return self.photos / IMPORT_FOLDER

    @property
    def session(self) -> Path:
        return self.node.path("icloud-cookies-anna") / "annaexamplecom.session"

    def room(self, kib: int, afterwards: int | None = None) -> None:
        """What is free on the disk; after the first look, `afterwards`."""
        self.filesystems.say(str(self.photos), kib)
        if afterwards is not None:
            seen = self.filesystems.programs / "seen"
            self.filesystems.space(f"$(if [ -e '{seen}' ]; then echo {afterwards}; else echo {kib}; : >'{seen}'; fi)")

    @property
    def filesystems(self) -> Filesystems:
        return Filesystems(self.node.image.path_first)

    def works(self, at_end: str = "") -> Path:
        """Have icloudpd work until it is ended; who reads the pipe waits until it does."""
        pipe = self.node.disk.parent / "running"
        os.mkfifo(pipe)
        ends = f"trap '{at_end}kill $!; exit 143' TERM"
        self.icloudpd.behave(f"{BEGINS}{ends}\necho >{pipe}\nsleep 20 >/dev/null 2>&1 8>&- 9>&- & wait $!\n")
        return pipe

    def run(self, settings: Settings | None = None, **environment: str) -> Ended:
        return self.node.run(job(settings or household(), **environment))


@pytest.fixture(params=list(shells().values()), ids=list(shells()))
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    base = Path(tempfile.mkdtemp(prefix="house-"))
    for name in ("disk", "secret", "bin", "image"):
        (base / name).mkdir()
    (base / "secret" / "appleId").write_text(APPLE_ID)
    (base / "secret" / "password").write_text(PASSWORD)
    icloudpd = Icloudpd.at(base / "image" / "icloudpd")
    image = Image(request.param, {"/app/icloudpd": icloudpd.place}, base / "bin")
    node = Node(base / "disk", base / "record", image, base / "secret")
    made = House(node, icloudpd)
    made.folder.mkdir(parents=True)
    (made.photos / MARK).write_text(f"id: {DISK_ID}\n")
    made.session.parent.mkdir()
    made.session.write_text('{"client_id": "auth-1", "trust_token": "HSARMTKNSRVX"}')
    made.room(ROOM)
    yield made
    shutil.rmtree(base)


def last_words(ended: Ended) -> str:
    assert ended.code == 1
    return ended.result.message


def why(ended: Ended) -> str:
    assert ended.code == 1
    return ended.result.code


def test_a_good_run(house: House) -> None:
    ended = house.run()
    assert ended.code == 0
    assert ended.log[-1] == "anna: 1 fetched, 1 already there, 0 errors, 51200 MiB free"
    assert house.icloudpd.arguments[-4:] == ["--username", APPLE_ID, "--keep-unicode-in-filenames", "--dry-run"]
    assert house.icloudpd.stdin == PASSWORD


@pytest.mark.parametrize("apple_id", [APPLE_ID, "Anna.*[B]@Example.com", "+4915112345678"])
@pytest.mark.parametrize("level", ["INFO", "DEBUG", "ERROR"])
def test_the_log_has_the_accounts_name_instead_of_its_apple_id(house: House, apple_id: str, level: str) -> None:
    (house.node.secret / "appleId").write_text(apple_id)
    said = f"2026-07-01 02:00:01 {level:<8} Processing user: {apple_id}, {apple_id.lower()}"
    house.icloudpd.behave(f"cat <<'END'\n{said}\n{apple_id}: again\nEND\n{SUCCEEDS}")

    ended = house.run()
    assert "anna: 1 fetched" in ended.out
    assert ("Processing user: anna, anna\nanna: again" in ended.out) == (level != "DEBUG")
    for text in (ended.out.casefold(), ended.error.casefold()):
        assert apple_id.casefold() not in text


def test_nothing_to_fetch_is_a_good_run(house: House) -> None:
    house.icloudpd.behave(BEGINS + announces(0) + ENDS)
    assert house.run().code == 0


def test_the_log_shows_progress_and_no_details(house: House) -> None:
    lines = house.run().out
    assert "Downloaded icloud-import/2026/01/02/IMG_2.HEIC" in lines
    assert ALL_FETCHED in lines
    assert "DEBUG" not in lines


def test_a_response_of_apples_that_is_logged_in_several_lines_is_a_detail(house: House) -> None:
    house.icloudpd.behave(BEGINS + log("DEBUG", '{\n  "session": "of-anna"\n}') + log("INFO", "Cannot connect"))
    ended = house.run()
    assert "of-anna" not in ended.out + ended.error
    assert "Cannot connect" in ended.out


def test_a_traceback_is_shown(house: House) -> None:
    trace = "printf 'Traceback (most recent call last):\\n  File x\\nKeyError: Favorites\\n'; exit 1\n"
    house.icloudpd.behave(BEGINS + trace)
    assert "  File x\n" in house.run().out


def test_the_password_is_nowhere_but_on_stdin(house: House) -> None:
    house.icloudpd.behave(SUCCEEDS + "env\n")
    ended = house.run()
    assert PASSWORD not in ended.out + ended.error
    assert PASSWORD not in " ".join(house.icloudpd.arguments)
    written = [place for place in house.node.disk.rglob("*") if place.is_file()]
    assert not any(PASSWORD in place.read_text() for place in written)


def test_the_prompt_for_the_password_does_not_hide_an_error(house: House) -> None:
    warns = "getpass.py:91: GetPassWarning: Can not control echo on the terminal.\n"
    warns += "  passwd = fallback_getpass(prompt, stream)\nWarning: Password input may be echoed.\n"
    asks = prompt(f"{warns}iCloud Password for anna@example.com:")
    house.icloudpd.behave(BEGINS + asks + log("ERROR", "first") + asks + log("INFO", "Downloaded a.jpg") + ENDS)
    ended = house.run()
    assert last_words(ended) == (
        "the client reported 1 errors. Retried at the next scheduled run. The first error: "
        "2026-11-24 10:49:03 ERROR    first"
    )
    assert "iCloud Password" not in ended.out
    assert "assWarning" not in ended.out
    assert "echoed" not in ended.out
    assert "1 fetched" in ended.out


# The disk.


FOREIGN_MARKS = ["", f"id: {DISK_ID}0\n", f" id: {DISK_ID}\n", "id: \n", "immich-icloud: of 0.2\n"]


@pytest.mark.parametrize("mark", [None, *FOREIGN_MARKS])
@pytest.mark.parametrize("known", [DISK_ID, ""])
def test_no_write_without_the_mark_or_to_another_disk(house: House, mark: str | None, known: str) -> None:
    (house.photos / MARK).unlink() if mark is None else (house.photos / MARK).write_text(mark)
    ended = house.run(DISK_ID=known)
    assert why(ended) == (Code.NO_MARK if mark is None else Code.OTHER_DISK)
    assert not house.icloudpd.ran
    assert list(house.folder.iterdir()) == []


def test_no_write_below_the_floor(house: House) -> None:
    house.room(10 * 2**20 - 1)
    ended = house.run()
    assert (why(ended), ended.result.free, ended.result.floor) == (Code.NO_SPACE, 10239, 10240)
    assert not house.icloudpd.ran
    house.room(10 * 2**20)
    assert house.run().code == 0


def test_no_write_when_the_free_space_is_unknown(house: House) -> None:
    house.filesystems.put("df", "exit 1\n")
    ended = house.run(FLOOR="20%")
    assert (why(ended), ended.result.free) == (Code.NO_SPACE, 0)
    assert not house.icloudpd.ran


@pytest.mark.parametrize(
    ("free", "inodes", "on_node", "stated", "floor"),
    [
        (200 * GIB, (9, 10), True, None, None),
        (199 * GIB, (9, 10), True, None, 200 * 1024),
        (199 * GIB, (9, 10), False, None, None),
        (199 * GIB, (9, 10), True, "10Gi", None),
        (199 * GIB, (9, 10), False, "20%", 200 * 1024),
        (500 * GIB, (19, 100), True, None, 200 * 1024),
        (500 * GIB, (20, 100), True, None, None),
        (500 * GIB, (0, 0), True, None, None),
        (500 * GIB, (0, 100), False, None, None),
        (500 * GIB, (0, 100), True, "10Gi", None),
    ],
)  # fmt: skip
def test_more_stays_free_on_the_kubelets_filesystem(  # noqa: PLR0913 (a table)
    house: House, free: int, inodes: tuple[int, int], stated: str | None, floor: int | None, *, on_node: bool
) -> None:
    house.filesystems.say(str(house.photos), free, total=1000 * GIB, inodes=inodes, on_node=on_node)
    more: dict[str, Any] = {"minFreeSpace": stated} if stated else {}
    ended = house.run(household(**more))
    assert ended.result.code == (Code.NO_SPACE if floor else Code.SYNCED)
    assert house.icloudpd.ran is (floor is None)
    assert ended.result.floor == floor or floor is None
    assert (ended.result.on_node, ended.result.total) == (on_node, 1000 * 1024)
    assert (ended.result.inodes_free, ended.result.inodes) == inodes


def test_what_can_not_be_told_apart_counts_as_the_kubelets(house: House) -> None:
    house.filesystems.put("stat", "exit 1\n")
    assert house.run().result.on_node is True


def test_a_disk_that_runs_full_ends_the_run(house: House) -> None:
    house.room(ROOM, afterwards=2**20)
    house.icloudpd.behave(BEGINS + FETCHES + "exec sleep 60\n")
    ended = house.run()
    assert (why(ended), ended.result.free) == (Code.NO_SPACE, 1024)
    assert not (house.folder / f"{MARK}-complete").exists()


@pytest.mark.parametrize("when", ["fetch", "look"])
@pytest.mark.parametrize("so_far", ["", BEGINS + FETCHES], ids=["begins", "a photo"])
@pytest.mark.parametrize("code", [Code.NO_MARK, Code.READ_ONLY])
def test_a_disk_that_goes_away_ends_the_run_and_the_next_one_is_whole(
    house: House, when: str, so_far: str, code: Code
) -> None:
    mark, complete, read_only = house.photos / MARK, house.folder / f"{MARK}-complete", house.node.disk / "read-only"
    house.filesystems.put("touch", f"[ ! -e {read_only} ] || {{ echo 'touch: Read-only file system' >&2; exit 1; }}\n")
    marked, goes = mark.read_text(), f"rm '{mark}'" if code == Code.NO_MARK else f": >{read_only}"
    leaves = f"{so_far}{goes}\nexec sleep 60\n"
    fetch, look = (leaves, SUCCEEDS) if when == "fetch" else (SUCCEEDS, leaves)
    house.icloudpd.behave(f'case "$*" in *--dry-run*) {look};; *) {fetch};; esac')
    assert why(house.run()) == code
    assert not complete.exists()
    house.icloudpd.behave(SUCCEEDS)
    assert why(house.run()) == code
    read_only.unlink(missing_ok=True)
    mark.write_text(marked)
    assert house.run().code == 0
    assert complete.exists()


def test_a_missing_folder(house: House) -> None:
    house.folder.rmdir()
    ended = house.run()
    assert why(ended) == Code.NO_FOLDER
    assert ended.result.message.endswith("make up STACK=test")
    assert not house.icloudpd.ran


@pytest.mark.skipif(os.getuid() != 0, reason="root writes everywhere, and only root can be somebody else")
def test_a_folder_of_another_user(house: House) -> None:
    house.node.disk.parent.chmod(0o755)
    house.node.image.path_first.chmod(0o777)  # `df`'s stand-in remembers there
    ended = house.node.run(job(household()), user=65534)
    assert last_words(ended) == "user 65534 can't write to icloud-import. It has to belong to storage.owner"


# What icloudpd does not say with its exit code.


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("exit 0", Code.CLIENT_UNFINISHED),
        (BEGINS + log("INFO", "Invalid email/password combination."), Code.WRONG_PASSWORD),
        (BEGINS + FETCHES + log("ERROR", "You might have run out of disk space.") + ENDS, Code.NOT_WRITTEN),
        (BEGINS + FETCHES + log("ERROR", SIGNS_IN_ANEW) + ENDS, Code.APPLE_BUSY),
        (BEGINS + FETCHES + f"echo {shlex.quote(UNREADABLE)} >&2\n" + ENDS, Code.UNREADABLE_PHOTO),
        (SUCCEEDS + "exit 3\n", Code.CLIENT_EXIT),
        (SUCCEEDS + "kill -9 $$\n", Code.CLIENT_EXIT),
        (BEGINS + "kill -9 $$\n", Code.CLIENT_EXIT),
        ("echo --folder: not known; exit 2", Code.CLIENT_EXIT),
        ("printf 'no newline'", Code.CLIENT_UNFINISHED),
        (BEGINS + announces(3) + ENDS, Code.INCOMPLETE),
        (SUCCEEDS + log("INFO", "[DRY RUN] Would download icloud-import/a.jpg"), Code.INCOMPLETE),
    ],
    ids=[
        "silence", "password", "disk full", "session", "photo", "exit code", "killed", "killed early", "arguments",
        "unfinished line", "fewer seen", "something left",
    ],
)  # fmt: skip
def test_a_bad_run(house: House, behaviour: str, code: Code) -> None:
    house.icloudpd.behave(behaviour)
    assert why(house.run()) == code
    assert not (house.folder / f"{MARK}-complete").exists()
    looked_at_by_the_next = FETCHES in behaviour or "kill" in behaviour
    assert (house.folder / f"{MARK}-pending").exists() == looked_at_by_the_next


@pytest.mark.parametrize("which", ["fetch", "look"])
def test_a_log_of_which_nothing_is_known_is_not_judged_by_the_one_before(house: House, which: str) -> None:
    """Where there is no room for what is read out of it."""
    fills = "rm summary; mkdir summary"
    house.icloudpd.behave(f'case "{which} $*" in "look "*--dry-run* | "fetch "*) {fills} ;; esac\n{SUCCEEDS}')
    assert why(house.run()) == Code.CLIENT_UNFINISHED
    assert (house.folder / f"{MARK}-pending").exists(), "some may have been fetched"


def test_the_first_error_is_told(house: House) -> None:
    house.icloudpd.behave(
        BEGINS + FETCHES + log("ERROR", "Odd (418)") + log("ERROR", "Could not download a.jpg.") + ENDS
    )
    assert last_words(house.run()).endswith(
        "reported 2 errors. Retried at the next scheduled run. The first error: 2026-11-24 10:49:03 ERROR    Odd (418)"
    )


def test_a_token_that_ran_out_is_no_error(house: House) -> None:
    """Between monthly runs it always does: icloudpd says so at ERROR, and signs in again with the password."""
    house.icloudpd.behave(BEGINS + log("ERROR", SIGNS_IN_ANEW) + FETCHES + ENDS)
    assert house.run().code == 0


def test_an_error_in_a_file_name_is_none(house: House) -> None:
    photo = "icloud-import/x/My ERROR log.jpg"
    fetched = log("DEBUG", f"Downloading {photo}...") + log("INFO", f"Downloaded {photo}")
    house.icloudpd.behave(BEGINS + announces(1) + fetched + ENDS)
    assert house.run().code == 0


# Signing in.


@pytest.mark.parametrize("session", [None, "", '{"client_id": "auth-1"}'])
def test_without_a_session_apple_is_not_asked(house: House, session: str | None) -> None:
    house.session.unlink()
    if session is not None:
        house.session.write_text(session)
    assert last_words(house.run()) == NOT_SIGNED_IN
    assert not house.icloudpd.ran


def test_a_run_leaves_session_files_private_and_photos_readable(house: House) -> None:
    photo, cookie = house.folder / "a.jpg", house.session.with_suffix("")
    house.icloudpd.behave(f"umask 022\n: >'{photo}'\n: >'{cookie}'\n{SUCCEEDS}")
    assert house.run().code == 0
    assert (photo.stat().st_mode & 0o777, cookie.stat().st_mode & 0o777) == (0o644, 0o600)


def test_a_session_that_is_over(house: House) -> None:
    asks = prompt(f"{ASKS_CODE}a{OR_SENDS_ONE}: ")
    ends = "read -r code || { echo 'EOFError: EOF when reading a line'; exit 1; }\n"
    house.icloudpd.behave(BEGINS + log("INFO", TWO_FACTOR) + asks + ends)
    assert last_words(house.run()) == NOT_SIGNED_IN


# How long the session lasts.

DAY = 24 * 3600
WEB, TRUST = "X-APPLE-DS-WEB-SESSION-TOKEN", "X-APPLE-WEBAUTH-HSA-TRUST"


def in_days(days: float) -> int:
    return int(time.time() + days * DAY)


def as_date(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d")


def test_the_session_is_told_in_each_run(house: House) -> None:
    end = in_days(50)
    cookies(
        house.session.with_suffix(""),
        {WEB: end, TRUST: in_days(80), "X-APPLE-WEBAUTH-LOGIN": in_days(1), "dslang": None},
    )
    said = house.run().out.splitlines()
    assert f"the session of account anna is valid until about {as_date(end)}, according to Apple's cookies" in said
    assert not any("WARNING" in line for line in said)


@pytest.mark.parametrize(("days", "schedule", "warned"), [(31, "0 2 1 * *", True), (32, "0 2 1 * *", False),
    (-3, "0 2 * * *", True), (1, "0 2 * * *", True), (2, "0 2 * * *", False), (7, "0 2 * * 1", True)])  # fmt: skip
def test_a_session_that_may_end_before_the_next_run(house: House, days: int, schedule: str, *, warned: bool) -> None:
    cookies(house.session.with_suffix(""), {WEB: in_days(90), TRUST: in_days(days)})
    ended = house.run(household(schedule=schedule))
    assert ended.code == 0
    warnings = [line for line in ended.out.splitlines() if line.startswith("WARNING: ")]
    assert [line.endswith(f"Renew it: {LOGIN}") for line in warnings] == [True] * warned


def test_cookies_that_do_not_say(house: House) -> None:
    cookies(house.session.with_suffix(""), {WEB: None})
    signed_in = house.session.parent / "signed-in"
    for _ in range(2):
        ended = house.run()
        assert "the date of the last sign-in of account anna is unknown" in ended.out
        assert "WARNING" in ended.out
        assert ended.result.signed_in is None
        signed_in.write_text(f"{as_date(in_days(9000))}\n")  # the clock was wrong
    for days, warned in ((22, False), (23, True)):
        signed_in.write_text(f"{as_date(in_days(-days))}\n")
        said = house.run(household(schedule="0 2 * * 1")).out
        assert (
            f"account anna was signed in on {as_date(in_days(-days))}. Apple's cookies do not say when the session ends"
            in said
        )
        assert "usually after 30 to 60 days\n" in said
        assert ("WARNING" in said) == warned, "7 days to the next run, of 30"


def test_a_session_that_is_over_is_not_told_to_last(house: House) -> None:
    cookies(house.session.with_suffix(""), {WEB: in_days(50)})
    house.icloudpd.behave(BEGINS + log("INFO", TWO_FACTOR) + "exit 1\n")
    assert "valid until" not in house.run().out


@given(date=st.dates(date(1970, 1, 1), date(2199, 12, 31)))
def test_days_are_counted(date: date) -> None:
    script = Path(photo_sync.__file__).with_name("session.sh").read_text()
    counted = subprocess.run(
        ["/bin/sh", "-c", f"{script}\nday_number {date}"], capture_output=True, text=True, check=True
    )
    assert int(counted.stdout) == (date - date.fromordinal(719163)).days


# How the photos are arranged.


def test_the_arrangement_is_remembered_and_does_not_change(house: House) -> None:
    assert house.run().code == 0
    assert house.run().code == 0
    assert "--until-found" not in house.icloudpd.arguments
    ended = house.run(household({"name": "anna", "folderStructure": "{:%Y}"}))
    assert last_words(ended) == (
        'icloud-import holds photos of "anna {:%Y/%m/%d} Etc/UTC" (account, folderStructure or client, timeZone), '
        'and the settings say "anna {:%Y} Etc/UTC": every photo would be fetched again, beside the first copy. '
        "Restore these settings, or add an account with another name, and a folder of its own"
    )
    assert house.run().code == 0


@pytest.mark.parametrize(
    ("changed", "folder"),
    [
        (household(timeZone="Europe/Berlin"), IMPORT_FOLDER),
        (household({"name": "ben"}, {"name": "anna"}), IMPORT_FOLDER),
        (household(), f"{IMPORT_FOLDER}-anna"),
    ],
    ids=["time zone", "another account first", "no longer first"],
)
def test_what_else_arranges_photos(house: House, changed: Settings, folder: str) -> None:
    house.run()
    shutil.copytree(house.session.parent, house.node.path("icloud-cookies-ben"))
    (house.photos / folder).mkdir(exist_ok=True)
    before = sorted(house.photos.rglob("*"))
    assert why(house.run(changed, FOLDER=folder)) == Code.REARRANGED
    assert sorted(house.photos.rglob("*")) == before


def test_without_dates_the_time_zone_is_free(house: House) -> None:
    account = {"name": "anna", "folderStructure": "none"}
    assert house.run(household(account)).code == 0
    assert house.run(household(account, timeZone="Europe/Berlin")).code == 0


BUSY = log("ERROR", "Too Many Requests (429)")
NEW = "icloud-import/2026/01/02/IMG_2.HEIC"
WOULD_FETCH = log("DEBUG", f"Downloading {NEW}...") + log("INFO", f"[DRY RUN] Would download {NEW}") + ENDS
KNOWS_ONE = announces(2) + log("DEBUG", "icloud-import/2026/01/01/IMG_1.HEIC already exists") + WOULD_FETCH
KNOWS_NONE = announces(1) + WOULD_FETCH


@pytest.mark.parametrize(
    ("looks", "stated", "code"),
    [
        (KNOWS_ONE, {}, Code.SYNCED),
        (KNOWS_NONE, {}, Code.UNRECOGNISED),
        (KNOWS_NONE, {"acceptExisting": True}, Code.SYNCED),
        (KNOWS_NONE, {"dryRun": True}, Code.SYNCED),
        (announces(0) + ENDS, {}, Code.SYNCED),
        (BUSY, {}, Code.APPLE_BUSY),
        (BUSY, {"dryRun": True}, Code.APPLE_BUSY),
    ],
    ids=["known", "unknown", "accepted", "dry run", "no photo", "busy", "busy dry run"],
)
def test_a_folder_with_a_file_is_looked_at_before_anything_is_fetched(
    house: House, looks: str, stated: dict[str, Any], code: Code
) -> None:
    (house.folder / "found.jpg").touch()
    once = house.node.disk / "once"
    first = f'[ -e {once} ] || {{ : >{once}; case "$*" in *--dry-run*) {looks}exit ;; esac; }}\n'
    house.icloudpd.behave(BEGINS + first + SUCCEEDS)
    assert house.run(household({"name": "anna", **stated})).result.code == code
    begun = code == Code.SYNCED and "dryRun" not in stated
    assert [(house.folder / f"{MARK}-{part}").exists() for part in ("layout", "complete")] == [begun, begun]


def test_a_dry_run_writes_nothing(house: House) -> None:
    ended = house.run(household({"name": "anna", "dryRun": True}))
    assert ended.code == 0
    assert ended.result.message == "a dry run of account anna: 1 would be fetched, 1 already there"
    assert "WARNING: the session" in ended.out
    assert list(house.folder.iterdir()) == []


def test_what_an_interrupted_run_fetched_is_looked_at_first(house: House) -> None:
    (house.folder / f"{MARK}-pending").touch()
    house.icloudpd.behave(f'case "$*" in *--dry-run*) {BUSY};; esac\n{BEGINS}{announces(0)}{ENDS}')
    assert why(house.run()) == Code.APPLE_BUSY


@pytest.mark.parametrize(("fails", "code"), [(0, Code.SYNCED), (3, Code.APPLE_BUSY), (4, Code.APPLE_BUSY)])
def test_each_step_of_fetching_a_cut_file_again_is_judged(house: House, fails: int, code: Code) -> None:
    """Fetched, looked at, fetched again and looked at."""
    steps, photo = house.node.disk / "steps", house.folder / "IMG_2.HEIC"
    missed = log("INFO", "[DRY RUN] Would download icloud-import/IMG_2-5.HEIC")
    house.icloudpd.behave(
        f"echo >>{steps}; step=$(($(wc -l <{steps})))\n"
        f"if [ $step -eq {fails} ]; then {BUSY}exit 1; fi\n"
        f"case $step in 1) printf cut >{photo} ;; 2) {missed} ;; 3) printf whole >{photo} ;; esac\n{SUCCEEDS}"
    )
    assert house.run().result.code == code


def test_what_looks_at_the_disk_keeps_no_output_open_after_the_run(house: House) -> None:
    assert house.run(EVERY="60").code == 0  # the test's node waits for the end of both outputs


# Stopping early.

EARLY = household({"name": "anna", "untilFound": 50})


def test_it_stops_early_only_after_a_run_that_fetched_everything(house: House) -> None:
    def stops_early(behaviour: str) -> bool:
        house.icloudpd.behave(behaviour)
        assert "No such file" not in house.run(EARLY).out
        return "--until-found" in house.icloudpd.arguments

    misses_one = BEGINS + FETCHES + log("ERROR", "Could not download a.jpg.") + ENDS
    assert not stops_early(misses_one), "nothing has been fetched yet"
    assert not stops_early(SUCCEEDS), "a.jpg may lie further down"
    assert stops_early(SUCCEEDS)
    assert house.icloudpd.arguments[-3:] == ["--until-found", "3", "--dry-run"], "beyond what was fetched"
    assert stops_early(misses_one)
    assert not stops_early(SUCCEEDS), "a.jpg may lie further down again"


def test_a_run_looks_at_all_photos_every_31_days_and_where_the_clock_was_wrong(house: House) -> None:
    house.run(EARLY)
    complete = house.folder / f"{MARK}-complete"
    today = int(time.time() // DAY)
    for day, stops_early in ((today - 30, True), (today - 31, False), (today + 1, False), ("", False)):
        command, _, accepted = complete.read_text().split("\n", 2)
        complete.write_text(f"{command}\n{day}\n{accepted}")
        assert house.run(EARLY).code == 0
        assert ("--until-found" in house.icloudpd.arguments) == stops_early, day


def test_another_try_of_the_same_day_does_not_stop_early(house: House) -> None:
    house.run(EARLY)
    once = house.node.disk / "once"
    busy = f'once={once}; case "$*" in *--dry-run*) once=$once-look ;; esac\n'
    busy += f"[ -e $once ] || {{ : >$once; {BUSY}exit 1; }}\n"
    house.icloudpd.behave(busy + SUCCEEDS)
    ended = house.run(EARLY, RETRY_AFTER="0 0")
    assert (ended.code, ended.result.code, ended.result.fetched) == (0, Code.SYNCED, 1)
    assert "--until-found" not in house.icloudpd.arguments


@pytest.mark.parametrize(
    ("schedule", "tries"), [("0 2 1 * *", 3), ("0 2 * * *", 3), ("0 2,14 * * *", 0), ("*/15 * * * *", 0)]
)
def test_apple_is_asked_again_on_the_same_day_where_no_schedule_does(schedule: str, tries: int) -> None:
    environment = sync_job(household(schedule=schedule))["spec"]["template"]["spec"]["containers"][0]["env"]
    (waits,) = [pair["value"].split() for pair in environment if pair["name"] == "RETRY_AFTER"]
    assert len(waits) == tries
    assert sum(map(int, waits)) < DAY


def test_the_deadline_ends_a_wait_for_apple(house: House) -> None:
    runs = house.node.disk / "runs"
    house.icloudpd.behave(f"echo >>{runs}\n{BEGINS}{BUSY}exit 1\n")
    started = house.node.start(job(household(), RETRY_AFTER="3600"))
    assert started.process.stdout
    for line in started.process.stdout:
        if line.endswith("Retrying in 60 minutes\n"):
            break
    started.process.send_signal(signal.SIGTERM)
    ended = started.end()
    result = parse(ended.message)
    assert result
    assert (ended.code, result.code, runs.read_text()) == (1, Code.STOPPED, "\n")


def test_the_disk_is_looked_at_before_apple_is_asked_again(house: House) -> None:
    runs = house.node.disk / "runs"
    house.icloudpd.behave(f"echo >>{runs}\nrm '{house.photos / MARK}'\n{BUSY}exit 1\n")
    assert why(house.run(RETRY_AFTER="0", EVERY="60")) == Code.NO_MARK
    assert runs.read_text() == "\n"


def test_it_does_not_stop_early_when_more_is_asked_for(house: House) -> None:
    house.run(household({"name": "anna", "albums": ["Favorites"], "untilFound": 50}))
    house.run(EARLY)
    assert "--until-found" not in house.icloudpd.arguments


# Where notifications are configured.


@dataclass(frozen=True)
class HandedOn:
    """What the sync leaves to the pod's next container, and how it ended."""

    code: int
    result: str
    ended: Ended


def handed_on(house: House, during: Callable[[Started], None] = lambda _: None, without: str = "") -> HandedOn:
    somebody = Notifications.model_validate({"urls": ["json://127.0.0.1:1/x"]})
    made = job(household().model_copy(update={"notifications": somebody}))
    (container,), places = made["spec"]["template"]["spec"]["initContainers"], house.node.places(made)
    container["env"] = [pair for pair in container["env"] if pair["name"] != without]
    started = house.node.start(made, container=container, places=places)
    during(started)
    ended = started.end()
    return HandedOn(int((places["verdict"] / "code").read_text()), (places["verdict"] / "result").read_text(), ended)


@pytest.mark.parametrize(
    ("spoil", "code", "reported"),
    [
        (lambda _: None, 0, Code.SYNCED),
        (lambda house: (house.photos / MARK).unlink(), 1, Code.NO_MARK),
        (lambda house: house.icloudpd.behave("exit 3"), 1, Code.CLIENT_EXIT),
        (lambda house: house.session.unlink(), 1, Code.SIGNED_OUT),
    ],
)
def test_with_notifications_the_sync_ends_well_and_hands_its_verdict_on(
    house: House, spoil: Callable[[House], None], code: int, reported: str
) -> None:
    """Where an init container fails, no other container of its pod runs, and no notification would be sent."""
    spoil(house)
    handed = handed_on(house)
    assert (handed.ended.code, handed.code, handed.ended.result.code) == (0, code, reported)
    assert parse(handed.result) == handed.ended.result
    assert (house.session.parent / "told").is_dir(), "made by the sync, as the teller may write to nothing of root's"


def test_a_sync_that_breaks_off_without_a_report_is_handed_on_as_failed(house: House) -> None:
    handed = handed_on(house, without="RETRY_AFTER")
    assert (handed.ended.code, handed.result) == (0, "")
    assert handed.code != 0


def test_a_sync_that_is_stopped_hands_that_on(house: House) -> None:
    running = house.works()

    def stop(started: Started) -> None:
        running.read_text()
        started.process.send_signal(signal.SIGTERM)

    handed = handed_on(house, stop)
    assert (handed.ended.code, handed.code, handed.ended.result.code) == (0, 1, Code.STOPPED)


# Ended from outside.


def test_the_deadline_ends_icloudpd_in_good_order(house: House) -> None:
    told = house.node.disk.parent / "told"
    running = house.works(at_end=f": >{told}; ")
    started = house.node.start(job(household()))
    running.read_text()
    started.process.send_signal(signal.SIGTERM)
    assert why(started.end()) == Code.STOPPED
    assert told.exists(), "icloudpd was told, and ended by itself"


@pytest.mark.skipif(shutil.which("flock") is None, reason="of this machine's programs; the image has its own")
def test_a_second_run_beside_one_that_is_at_work_does_nothing(house: House) -> None:
    """`make sync-now` beside the schedule: both would write the same unfinished files, and the same session."""
    running = house.works()
    first = house.node.start(job(household()))
    running.read_text()
    second = house.run()
    assert last_words(second) == "another run of account anna is in progress. Wait until it ends"
    first.process.send_signal(signal.SIGTERM)
    first.end()
    house.icloudpd.behave(SUCCEEDS)
    assert house.run().code == 0


# What `make verify` makes of it.


def verdict(ended: Ended) -> dict[str, Result]:
    """Of each check, after that sync, whose pod has the status that a kubelet gives it."""
    facts, when = well(), NOW - timedelta(hours=1)
    state = {"terminated": {"exitCode": ended.code, "message": ended.message}}
    end = pod_end.of({"status": {"containerStatuses": [{"name": "icloudpd", "state": state}]}})
    run = SyncRun("icloud-sync-anna-2", "failed" if ended.code else "complete", when, when, end)
    accounts = tuple(replace(account, runs=(run,)) for account in there(facts.accounts))
    return {check.name: check.result(replace(facts, accounts=accounts)) for check in CHECKS}


@pytest.mark.parametrize(
    ("breaks", "failing"),
    [
        (lambda _: None, set()),
        (lambda house: (house.photos / MARK).unlink(), {"photo-mark", "last-sync"}),
        (lambda house: house.room(1), {"photo-space", "last-sync"}),
        (lambda house: house.room(ROOM, afterwards=1), {"photo-space"}),
        (lambda house: house.session.unlink(), {"icloud-session", "last-sync"}),
        (lambda house: house.icloudpd.behave("exit 3"), {"last-sync"}),
        (lambda house: cookies(house.session.with_suffix(""), {WEB: in_days(-1)}), {"icloud-session"}),
    ],
    ids=["well", "mark", "space", "space at the end", "session", "client", "session's end"],
)
def test_verify_finds_what_the_sync_found(house: House, breaks: Callable[[House], None], failing: set[str]) -> None:
    cookies(house.session.with_suffix(""), {WEB: int(NOW.timestamp()) + 80 * DAY})
    breaks(house)
    found = verdict(house.run())
    assert {name for name, one in found.items() if isinstance(one, Finding)} == failing


def test_each_failure_in_a_row_has_its_reason(house: House) -> None:
    house.icloudpd.behave(BEGINS + log("INFO", "Cannot connect to Apple") + "exit 1\n")
    reasons = {(why(ended), ended.result.errors) for ended in (house.run() for _ in range(3))}
    assert reasons == {(Code.CLIENT_EXIT, 0)}
