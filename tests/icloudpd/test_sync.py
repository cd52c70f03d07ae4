"""The sync's script around the real icloudpd: the verdict of each run, and what the disk has after it."""

import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code
from components import list_icloud
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.apple.library import Library
from lab.apple.world import account, found, household
from tests.accounts import STAYS_WRONG
from tests.accounts import household as settings_of
from tests.icloudpd.client import APPLE_ID, DOWNLOADS, QUERIES
from tests.icloudpd.house import House
from tests.icloudpd.interrupted import with_a_full_disk
from tests.node_stand_in import shells
from tests.objects import STACK

LARGE = [{"name": f"IMG_{n}.JPG", "taken": f"2026-03-0{n}T12:00", "size": 5000 + n} for n in range(1, 4)]
EQUAL = [
    {"name": "IMG_1.JPG", "taken": "2026-03-01T12:00", "size": 5000},
    {"name": "IMG_1.JPG", "taken": "2026-03-01T11:00", "size": 6000},
]


def test_a_household_arrives_whole(house: House) -> None:
    photos = household()
    house.client.account(photos=photos)
    ended = house.run()
    assert (ended.code, ended.result.code) == (0, Code.SYNCED)
    assert (ended.result.announced, ended.result.seen, ended.result.same_name) == (15, 15, 1)
    assert house.difference(photos) == (0, [])
    assert {"2026/06/12/写真.JPG", "2026/06/11/Фото.HEIC"} <= set(house.files())
    ended = house.run()
    assert (ended.code, ended.result.fetched, ended.result.present) == (0, 0, 17)
    assert house.difference(photos) == (0, [])


@pytest.mark.parametrize("kind", ["cut", "dropped", "otherSize"])
@pytest.mark.parametrize("photos", [LARGE, EQUAL], ids=["alone", "of one name"])
def test_a_file_that_did_not_arrive_whole_is_fetched_again(
    house: House, kind: str, photos: list[dict[str, Any]]
) -> None:
    house.client.account(photos=photos)
    house.client.goes_wrong(kind)
    ended = house.run()
    assert (ended.code, ended.result.code) == (0, Code.SYNCED)
    assert house.difference(photos) == (0, [])
    assert not list(house.folder.glob(f"{MARK}-[ap]*"))


@pytest.mark.parametrize("shell", shells().values(), ids=list(shells()))
def test_cut_files_are_mended_under_each_shell_and_awk_of_the_image(house: House, shell: tuple[str, ...]) -> None:
    its_own = Path("/nonexistent") if "busybox" in shell[0] else house.node.image.path_first
    image = replace(house.node.image, shell=shell, path_first=its_own)
    other = replace(house, node=replace(house.node, image=image))
    house.client.account(photos=household())
    for _ in range(3):
        house.client.goes_wrong("cut")
    ended = other.run()
    assert (ended.code, ended.result.code) == (0, Code.SYNCED)
    assert house.difference(household()) == (0, [])


def test_a_file_with_its_size_in_its_name_is_looked_at(house: House) -> None:
    """Icloudpd itself never does."""
    house.client.account(photos=EQUAL)
    for _ in range(2):
        house.client.goes_wrong("cut")
    assert house.run().code == 0
    assert house.difference(EQUAL) == (0, [])


def test_a_file_with_its_size_in_its_name_that_is_cut_twice_fails_the_run(house: House) -> None:
    house.client.account(photos=EQUAL)
    (second,) = [one for one in Library.of(APPLE_ID, EQUAL).assets if one.size == 6000]
    for _ in range(2):
        house.client.goes_wrong("cut", f"/cvws.icloud-content.com/B/{second.of_master['resOriginal'].key}/*")
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.INCOMPLETE)
    assert house.run().code == 0
    assert house.difference(EQUAL) == (0, [])


def test_what_is_cut_before_a_run_ends_is_mended_by_the_next_one(house: House) -> None:
    house.client.account(photos=LARGE)
    house.client.goes_wrong("cut")
    house.client.goes_wrong("status", status=503)  # of the second photo
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.APPLE_BUSY)
    assert house.run().code == 0
    assert house.difference(LARGE) == (0, [])


def test_a_photo_whose_record_is_wrong_fails_each_run_and_fills_no_disk(house: House) -> None:
    photo = {"name": "IMG_1.JPG", "taken": "2026-03-01T12:00", "size": 5000}
    house.client.account(photos=[photo | {"announced": 6000}])
    for _ in range(2):
        ended = house.run()
        assert (ended.code, ended.result.code) == (1, Code.INCOMPLETE)
    assert len([file for file in house.folder.glob(f"{MARK}-aside/**/*") if file.is_file()]) == 1
    house.client.account(photos=[photo])
    assert house.run().code == 0
    assert house.difference([photo]) == (0, [])
    assert not list(house.folder.glob(f"{MARK}-[ap]*"))


def interrupted(house: House) -> None:
    """What a run leaves that is killed with all its processes, before any of them has read the client's log."""
    house.client.account(photos=LARGE[:1])
    assert house.run().code == 0
    house.client.account(photos=LARGE)
    (house.folder / f"{MARK}-pending").touch()
    (house.folder / "2026/03/02").mkdir()


def test_a_cut_file_that_no_log_tells_of_is_fetched_again(house: House) -> None:
    interrupted(house)
    (content,) = [content for content in house.announced(LARGE) if len(content) == 5002]
    (house.folder / "2026/03/02/IMG_2.JPG").write_bytes(content[:2000])
    assert house.run().code == 0
    assert house.difference(LARGE) == (0, [])
    assert not list(house.folder.glob(f"{MARK}-[ap]*"))


def test_a_file_that_is_no_part_of_a_photo_is_never_deleted(house: House) -> None:
    interrupted(house)
    edited = house.folder / "2026/03/02/IMG_2.JPG"
    edited.write_bytes(b"edited meanwhile")
    assert house.run().code == 0
    assert edited.read_bytes() == b"edited meanwhile"
    assert house.difference(LARGE) == (0, ["2026/03/02/IMG_2.JPG"])


def test_a_listing_that_ends_early_fails(house: House) -> None:
    house.client.account(listingEndsAfter=2)
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.INCOMPLETE)
    assert (ended.result.announced, ended.result.seen) == (4, 2)
    assert "acceptMissing" not in ended.result.message
    ended = house.run(acceptMissing=1)
    assert (ended.code, "acceptMissing" in ended.result.message) == (1, False), "not on the day that it was found"
    ended = house.run(acceptMissing=2)
    assert (ended.code, ended.result.missing) == (0, 2)
    ended = house.run(acceptMissing=2, untilFound=1)
    assert (ended.code, ended.result.missing) == (0, 2)
    ended = house.run(acceptMissing=2, untilFound=1)
    assert (ended.code, ended.result.seen, ended.result.missing) == (0, 1, 2), "as far as is known"
    house.client.account(listingEndsAfter=None)
    ended = house.run()
    assert (ended.code, ended.result.fetched, ended.result.missing) == (0, 2, None)
    assert not (house.folder / f"{MARK}-missing").exists()


def test_a_shortfall_of_two_days_can_be_accepted(house: House) -> None:
    house.client.account(listingEndsAfter=2)
    house.run()
    (house.folder / f"{MARK}-missing").write_text("2 2026-01-01\n")
    assert "acceptMissing: 2" in house.run().result.message


# What goes wrong once, and its class; the next run is whole.
ONCE: list[tuple[dict[str, Any], Code]] = [
    ({"kind": "status", "path": DOWNLOADS, "status": 410}, Code.APPLE_BUSY),
    ({"kind": "status", "path": DOWNLOADS, "status": 421}, Code.APPLE_BUSY),
    ({"kind": "status", "path": DOWNLOADS, "status": 423}, Code.APPLE_BUSY),
    ({"kind": "status", "path": DOWNLOADS, "status": 429}, Code.APPLE_BUSY),
    ({"kind": "status", "path": DOWNLOADS, "status": 503}, Code.APPLE_BUSY),
    ({"kind": "status", "path": QUERIES, "status": 503}, Code.APPLE_BUSY),
    ({"kind": "status", "path": QUERIES, "status": 421}, Code.APPLE_BUSY),
    ({"kind": "status", "path": QUERIES, "status": 423}, Code.APPLE_BUSY),
    ({"kind": "status", "path": DOWNLOADS, "status": 500}, Code.APPLE_BUSY),
    ({"kind": "timeOut", "path": QUERIES}, Code.NO_CONNECTION),
]


@pytest.mark.parametrize(("fault", "code"), ONCE, ids=lambda value: str(value)[:60])
def test_what_goes_wrong_once(house: House, fault: dict[str, Any], code: Code) -> None:
    house.client.goes_wrong(**fault)
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, code)
    assert house.run().code == 0
    assert house.difference(found().accounts[APPLE_ID]["photos"]) == (0, [])


def test_a_full_disk_has_a_class_and_is_mended_by_the_next_run(house: House, tmp_path: Path) -> None:
    photos = [*LARGE, {"name": "IMG_4.JPG", "taken": "2026-03-02T13:00", "size": 20_000}]
    house.client.account(photos=photos)
    ended = with_a_full_disk(house, tmp_path).run(retry_after="0")
    assert (ended.code, ended.result.code, ended.out.count("Retrying in")) == (1, Code.NOT_WRITTEN, 0)
    assert house.run().code == 0
    assert house.difference(photos) == (0, [])
    assert not list(house.folder.rglob("*.part"))


@pytest.mark.parametrize(("fault", "code"), [ONCE[1], ONCE[4], ONCE[6], ONCE[-1]], ids=lambda value: str(value)[:60])
def test_what_passes_is_tried_again_the_same_day(house: House, fault: dict[str, Any], code: Code) -> None:
    house.client.goes_wrong(**fault)
    ended = house.run(retry_after="0")
    assert (ended.code, ended.result.code, ended.out.count("Retrying in")) == (0, Code.SYNCED, 1), code
    assert house.difference(found().accounts[APPLE_ID]["photos"]) == (0, [])


@pytest.mark.parametrize("condition", STAYS_WRONG)
def test_what_stays_wrong_has_a_class(house: House, condition: str) -> None:
    house.client.account(**{condition: True})
    ended = house.run(retry_after="0 0")
    assert (ended.code, ended.result.code) == (1, STAYS_WRONG[condition])
    assert ended.out.count("Retrying in") == (2 if STAYS_WRONG[condition] == Code.APPLE_BUSY else 0)
    assert house.files() == {}
    house.client.account(**{condition: False})
    assert house.run().code == 0, "nobody has to lift it"


def test_albums_and_libraries_are_listed(house: House) -> None:
    house.client.account(photos=household())
    (listed,) = settings_of({"name": "anna"}).photo_sync.accounts
    ended = house.node.run(list_icloud.job(listed, settings_of({"name": "anna"}), Ownership(STACK)))
    assert (ended.code, ended.result.code) == (0, Code.LISTED)
    assert {"PrimarySync", "SharedSync-9DD9B767-9F30-4D6F-B658-F17DBA16D107", "Summer", "Été à la mer"} <= set(
        ended.log
    )
    house.client.account(advancedProtection=True)
    ended = house.node.run(list_icloud.job(listed, settings_of({"name": "anna"}), Ownership(STACK)))
    assert (ended.code, ended.result.code) == (1, Code.DATA_PROTECTION)


def test_an_album_or_library_that_does_not_exist(house: House) -> None:
    for keys, code in (
        ({"albums": ["Nope"]}, Code.UNKNOWN_ALBUM),
        ({"library": "SharedSync-1"}, Code.UNKNOWN_LIBRARY),
    ):
        ended = house.run(**keys)
        assert (ended.code, ended.result.code) == (1, code)
        assert "make icloud-list STACK=test ACCOUNT=anna" in ended.result.message


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"password": "changed"}, Code.WRONG_PASSWORD),
        ({"locked": True}, Code.LOCKED),
    ],
    ids=["wrong password", "locked"],
)
def test_no_sign_in_is_retried_until_a_person_signs_in(house: House, told: dict[str, Any], code: Code) -> None:
    house.client.account(**told)
    session = next(house.session.glob("*.session"))
    session.write_text('{"trust_token": "x"}')
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, code)
    asked = len(house.client.tell("GET", "requests"))
    house.client.account(**account(**found().accounts[APPLE_ID]))
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, code)
    assert len(house.client.tell("GET", "requests")) == asked, "Apple is not asked"
    (house.session / "refused").unlink()
    shutil.copytree(house.client.cookies, house.session, dirs_exist_ok=True)
    assert house.run().code == 0


@pytest.mark.parametrize("half", ["", '{"client_id": "x", "trust_token": "y"'], ids=["empty", "half"])
def test_a_session_that_is_half_written_is_mended(house: House, half: str) -> None:
    """A run that was killed leaves it like that: no new sign-in is needed."""
    assert house.run().code == 0
    next(house.session.glob("*.session")).write_text(half)
    assert house.run().code == 0


def test_a_sign_in_tells_that_photos_are_kept_from_the_web(house: House) -> None:
    before = {place.name: place.read_text() for place in house.session.iterdir()}
    house.client.account(advancedProtection=True)
    ended = house.sign_in()
    assert (ended.code, ended.result.code) == (1, Code.DATA_PROTECTION)
    assert ended.result.message.endswith(", then: make icloud-login STACK=test ACCOUNT=anna")
    assert {place.name: place.read_text() for place in house.session.iterdir()} == before
    house.client.account(advancedProtection=False, busy=True)
    ended = house.sign_in()
    assert (ended.code, ended.result.code) == (0, Code.SIGNED_IN), "the next sync sees whether Apple is well"


def test_a_session_that_is_over_pushes_one_code(house: House) -> None:
    next(house.session.glob("*.session")).write_text('{"trust_token": "x"}')
    pushes = ["PUT", "/idmsa.apple.com/appleauth/auth/verify/trusteddevice/securitycode"]
    before = house.client.tell("GET", "requests").count(pushes)
    for _ in range(2):
        ended = house.run()
        assert (ended.code, ended.result.code) == (1, Code.SIGNED_OUT)
    assert house.client.tell("GET", "requests").count(pushes) == before + 1


def test_a_folder_that_another_tool_filled_is_looked_at_first(house: House) -> None:
    photos = found().accounts[APPLE_ID]["photos"]
    (content,) = [content for content in house.announced(photos) if b"IMG_0001" in content]
    (house.folder / "IMG_0001.JPG").write_bytes(content)
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.UNRECOGNISED)
    told = "1 that lie elsewhere in the folder, 0 whose file has another size (as edited ones have), and 3"
    assert told in ended.result.message
    assert "  icloud-import/IMG_0001.JPG, and not icloud-import/2026/01/01/IMG_0001.JPG" in ended.log
    assert list(house.files()) == ["IMG_0001.JPG"]
    assert house.run(folderStructure="none").code == 0
    assert house.difference(photos) == (0, [])


def test_edited_files_and_owners_are_named_before_anything_is_fetched(house: House) -> None:
    edited = house.folder / "2026/01/01/IMG_0001.JPG"
    edited.parent.mkdir(parents=True)
    edited.write_bytes(b"edited")
    os.utime(edited, (0, 0))
    ended = house.run()
    assert (ended.code, ended.result.code) == (1, Code.UNRECOGNISED)
    assert "0 that lie elsewhere in the folder, 1 whose file has another size" in ended.result.message
    assert "  icloud-import/2026/01/01/IMG_0001.JPG" in ended.log
    owner = f"{edited.stat().st_uid}:{edited.stat().st_gid}"
    assert f"  2026: owned by {owner} (4)" in ended.log
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert any(f"last changed on {today}: icloud-import/2026" in line for line in ended.log)
    assert list(house.files()) == ["2026/01/01/IMG_0001.JPG"]


@pytest.mark.skipif(os.getuid() != 0, reason="root writes everywhere, and only root can be somebody else")
def test_a_year_of_another_owner_is_named_before_anything_is_fetched(house: House) -> None:
    for place in (house.node.disk, *house.node.disk.parents, house.folder, house.session):
        if place.is_relative_to(tempfile.gettempdir()) and place != Path(tempfile.gettempdir()):
            place.chmod(0o777)
    (house.folder / "2019").mkdir(mode=0o755)
    (house.folder / "2019" / "1.JPG").touch()
    ended = house.run(user=65534)
    assert ended.code == 1
    assert f'"code":"{Code.NOT_WRITABLE}"' in ended.out
    assert "icloud-import/2019 (0:0)" in ended.out


def test_a_folder_that_began_without_all_letters_goes_on_like_that(house: House) -> None:
    photos = [{"name": "Été 1.JPG", "taken": "2026-03-01T12:00"}]
    house.client.account(photos=photos)
    (house.folder / f"{MARK}-layout").write_text("anna {:%Y/%m/%d} Etc/UTC\n")
    assert house.run().code == 0
    assert list(house.files()) == ["2026/03/01/t 1.JPG"]


def test_several_albums_and_sizes_are_counted_as_photos(house: House) -> None:
    house.client.account(photos=household())
    sizes = ["original", "adjusted", "alternative", "medium", "thumb"]
    ended = house.run(sizes=sizes)
    assert (ended.code, ended.result.announced, ended.result.seen) == (0, 15, 15)
    ended = house.run(albums=["Summer", "Été à la mer"], sizes=sizes)
    assert (ended.code, ended.result.announced, ended.result.seen) == (0, 4, 4)


def test_all_is_looked_at_again_after_a_month_of_stopping_early(house: House) -> None:
    assert house.run(untilFound=1).result.seen == 4
    assert house.run(untilFound=1).result.seen == 1
    complete = house.folder / f"{MARK}-complete"
    lines = complete.read_text().splitlines()
    complete.write_text("\n".join([lines[0], str(int(lines[1]) - 31), ""]))
    assert house.run(untilFound=1).result.seen == 4


def test_what_is_fetched_before_an_early_stop_is_looked_at(house: House) -> None:
    photos = LARGE[:1]
    house.client.account(photos=photos)
    house.run(untilFound=1)
    house.client.account(photos=LARGE)
    house.client.goes_wrong("cut")
    assert house.run(untilFound=1).code == 0
    assert house.difference(LARGE) == (0, [])
