"""The scripts around the real rclone: signing in, listing, the verdict of each run, and what the disk has after it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code
from components import list_icloud
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.apple.world import account, found, household
from tests.accounts import STAYS_WRONG
from tests.accounts import household as settings_of
from tests.icloudpd.client import APPLE_ID, DOWNLOADS, PASSWORD, QUERIES
from tests.icloudpd.interrupted import with_a_full_disk
from tests.objects import STACK
from tests.rclone.house import RcloneHouse

LOOKUPS = "/p42-ckdatabasews.icloud.com/*/records/lookup"
LARGE = [{"name": f"IMG_{n}.JPG", "taken": f"2026-03-0{n}T12:00", "size": 5000 + n} for n in range(1, 4)]


def test_a_household_arrives_whole_but_for_what_shares_a_master(house: RcloneHouse) -> None:
    photos = household()
    house.client.account(photos=photos)
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.INCOMPLETE)
    assert (ended.result.announced, ended.result.seen) == (15, 14), "Apple counts a duplicate made on the phone"
    ended = house.run(acceptMissing=1)
    assert (ended.code, ended.result.fetched, ended.result.present, ended.result.missing) == (0, 0, 18, 1)
    assert house.difference(photos) == (0, [])
    assert {"写真.jpg", "Фото.HEIC", "IMG_0103-edited.jpg", "IMG_0104.dng", "IMG_0101.MOV"} <= set(house.files())
    assert not [secret for secret in (PASSWORD, APPLE_ID) if secret in ended.out]


def test_each_album_has_a_folder(house: RcloneHouse) -> None:
    house.client.account(photos=household())
    ended = house.run(albums=["Summer", "Été à la mer"])
    assert (ended.code, ended.result.announced, ended.result.seen, ended.result.fetched) == (0, 4, 4, 4)
    assert set(house.files()) == {
        *("Summer/IMG_0106.MOV", "Summer/写真.jpg"),
        *("Été à la mer/写真.jpg", "Été à la mer/Été 1.jpg"),
    }
    assert "0 would be fetched, 4 already there" in house.run(albums=["Summer", "Été à la mer"], dryRun=True).out
    assert house.run().result.code == Code.REARRANGED


def test_a_name_that_now_means_another_photo_keeps_both(house: RcloneHouse) -> None:
    """Cameras wrap at 9999."""
    first, second = ([{"name": "IMG_1.JPG", "taken": f"2026-03-0{n}T12:00", "size": 5000 + n}] for n in (1, 2))
    for photos in (first, second):
        house.client.account(photos=photos)
        assert house.run().code == 0
    assert house.difference([*first]) == (0, ["IMG_1.JPG"])
    assert sorted(map(len, house.files().values())) == [5001, 5002]


def test_an_edit_that_changes_twice_keeps_each(house: RcloneHouse) -> None:
    photo = {"name": "IMG_1.JPG", "taken": "2026-03-01T12:00"}
    for size in (5000, 6000, 7000):
        house.client.account(photos=[photo | {"edited": True, "size": size}])
        assert house.run().code == 0
        # Two runs of one second would give the older files one name.
        for path in house.folder.glob("*Z.*"):
            path.rename(path.with_stem(f"{path.stem}-{size}"))
    edits = {name: len(content) for name, content in house.files().items() if "-edited" in name}
    assert sorted(edits.values()) == [5000, 6000, 7000]
    assert edits["IMG_1-edited.jpg"] == 7000


@pytest.mark.parametrize(("known", "doubles"), [(5, 5), (10, 10), (15, 5), (20, 0)])
def test_a_name_that_becomes_shared_is_fetched_a_second_time(house: RcloneHouse, known: int, doubles: int) -> None:
    """As docs/photos.md says of rclone, at a thousandth: 20 photos of a camera that counts to 10. Nothing is lost."""
    photos = [{"name": f"IMG_{n % 10}.JPG", "taken": f"2026-03-{n + 1:02}T12:00", "size": 5000 + n} for n in range(20)]
    for there in (photos[:known], photos):
        house.client.account(photos=there)
        assert house.run().code == 0
    assert (house.difference(photos)[0], len(house.files())) == (0, 20 + doubles)


def test_a_list_that_ends_early_fails_and_is_not_kept(house: RcloneHouse) -> None:
    house.client.account(listingEndsAfter=2)
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.INCOMPLETE)
    assert (ended.result.announced, ended.result.seen) == (4, 2)
    house.client.account(listingEndsAfter=None)
    ended = house.run()
    assert (ended.code, ended.result.fetched, ended.result.missing) == (0, 2, None)


# What goes wrong once, and what the run comes to; the next one is whole. What is not here, rclone itself tries again.
ONCE: list[tuple[dict[str, Any], Code]] = [
    ({"kind": "cut", "path": DOWNLOADS}, Code.SYNCED),
    ({"kind": "dropped", "path": DOWNLOADS}, Code.SYNCED),
    ({"kind": "otherSize", "path": DOWNLOADS}, Code.APPLE_BUSY),
    ({"kind": "timeOut", "path": QUERIES}, Code.SYNCED),
    *(({"kind": "status", "path": DOWNLOADS, "status": status}, Code.APPLE_BUSY) for status in (410, 421, 423)),
    *(({"kind": "status", "path": DOWNLOADS, "status": status}, Code.SYNCED) for status in (429, 500, 503)),
    ({"kind": "status", "path": LOOKUPS, "status": 410}, Code.APPLE_BUSY),
    *(({"kind": "status", "path": LOOKUPS, "status": status}, Code.SYNCED) for status in (421, 423, 503)),
]


@pytest.mark.parametrize(("fault", "code"), ONCE, ids=lambda value: str(value)[:60])
def test_what_goes_wrong_once(house: RcloneHouse, fault: dict[str, Any], code: Code) -> None:
    house.client.account(photos=LARGE)
    house.client.goes_wrong(**fault)
    ended = house.run()
    assert (ended.result.code, ended.code) == (code, int(code != Code.SYNCED))
    assert house.client.tell("GET", "faults") == []
    if ended.code:
        assert house.run().code == 0
    assert house.difference(LARGE) == (0, [])


@pytest.mark.parametrize("condition", STAYS_WRONG)
def test_what_stays_wrong_has_a_class(house: RcloneHouse, condition: str) -> None:
    house.client.account(**{condition: True})
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, STAYS_WRONG[condition])
    house.client.account(**{condition: False})
    assert house.run().code == 0, "nobody has to lift it"


def test_an_album_or_library_that_does_not_exist(house: RcloneHouse) -> None:
    for keys, code in (
        ({"library": "SharedSync-1"}, Code.UNKNOWN_LIBRARY),
        ({"albums": ["Nope"]}, Code.UNKNOWN_ALBUM),
    ):
        ended = house.run(**keys)
        assert (ended.code, ended.result.code) == (1, code)
        (house.folder / f"{MARK}-layout").unlink()
        assert "make icloud-list STACK=test ACCOUNT=anna" in ended.result.message


def test_albums_and_libraries_are_listed(house: RcloneHouse) -> None:
    house.client.account(photos=household())
    settings = settings_of(house.stated)
    (listed,) = settings.photo_sync.accounts
    ended = house.node.run(list_icloud.job(listed, settings, Ownership(STACK)))
    assert (ended.code, ended.result.code) == (0, Code.LISTED)
    assert {"PrimarySync", "SharedSync-9DD9B767-9F30-4D6F-B658-F17DBA16D107", "Summer", "Été à la mer"} <= set(
        ended.log
    )


def test_a_full_disk_has_a_class_and_leaves_only_whole_files(house: RcloneHouse, tmp_path: Path) -> None:
    photos = [*LARGE, {"name": "IMG_4.JPG", "taken": "2026-03-02T13:00", "size": 40_000}]
    house.client.account(photos=photos)
    ended = with_a_full_disk(house, tmp_path).run()
    assert (ended.code, ended.result.code) == (1, Code.NOT_WRITTEN)
    assert house.difference(photos) == (1, [])
    (house.folder / "IMG_9.JPG.0123abcd.partial").write_bytes(b"half of a photo that Apple has no longer")
    assert house.run().code == 0
    assert house.difference(photos) == (0, [])


@pytest.mark.parametrize(
    ("told", "code"),
    [({"password": "changed"}, Code.WRONG_PASSWORD), ({"locked": True}, Code.SIGN_IN_REFUSED)],
    ids=["wrong password", "locked"],
)
def test_no_sign_in_is_retried_until_a_person_signs_in(house: RcloneHouse, told: dict[str, Any], code: Code) -> None:
    house.client.account(**told)
    house.client.tell("DELETE", f"web/{APPLE_ID}")
    assert house.run().result.code == code
    asked = len(house.client.tell("GET", "requests"))
    house.client.account(**account(**found().accounts[APPLE_ID]))
    assert house.run().result.code == code
    assert len(house.client.tell("GET", "requests")) == asked, "Apple is not asked"
    assert house.sign_in().code == 0
    assert house.run().code == 0


def test_a_session_of_the_web_is_renewed_and_one_that_is_over_is_not(house: RcloneHouse) -> None:
    house.client.tell("DELETE", f"web/{APPLE_ID}")
    assert house.run().code == 0
    house.sign_in()
    config = house.session / "rclone.conf"
    config.write_text(config.read_text().replace("trust_token = ", "trust_token = not-"))
    house.client.tell("DELETE", f"web/{APPLE_ID}")
    for _ in range(2):
        ended = house.run()
        assert (ended.code, ended.result.code) == (1, Code.SIGNED_OUT)


def test_another_apple_id_has_no_session(house: RcloneHouse) -> None:
    (house.node.secret / "appleId").write_text("ben@example.com")
    assert house.run().result.code == Code.SIGNED_OUT


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (["654321", "123456"], Code.SIGNED_IN),
        (["sms", "123456"], Code.SIGNED_IN),
        (["654321"], Code.NOT_SIGNED_IN),
    ],
    ids=["second code", "sms", "wrong code"],
)
def test_a_sign_in_is_a_conversation(house: RcloneHouse, typed: list[str], code: Code) -> None:
    before = {place.name: place.read_text() for place in house.session.iterdir()}
    ended = house.sign_in(*typed)
    assert (ended.result.code, ended.code) == (code, int(code != Code.SIGNED_IN))
    assert not [secret for secret in (PASSWORD, APPLE_ID, "trust-of") if secret in ended.out]
    if ended.code:
        assert {place.name: place.read_text() for place in house.session.iterdir()} == before
    else:
        assert house.run().code == 0


def test_a_session_ends_thirty_days_after_the_sign_in(house: RcloneHouse) -> None:
    signed_in = house.run().result.signed_in
    assert signed_in == datetime.now(UTC).date()
    (house.session / "signed-in").write_text(f"{date.today() - timedelta(days=24)}\n")  # noqa: DTZ011
    ended = house.run()
    assert (ended.code, "WARNING: the session may end before the next run" in ended.out) == (0, True)


def test_a_folder_keeps_its_client(house: RcloneHouse) -> None:
    assert house.run().code == 0
    ended = house.run(client="icloudpd")
    assert (ended.code, ended.result.code) == (1, Code.REARRANGED)
    assert "client" in ended.result.message
