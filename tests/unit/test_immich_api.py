"""What is asked of Immich, over a real connection, and what becomes of its refusals."""

import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from pydantic import SecretStr

from clients import immich as immich_api
from clients.immich import ImmichApi, ImmichError, ImmichRefusedError, Statistics, UnansweredError
from lab.immich.world import API_KEY
from lab.immich.world import PERMISSIONS as OF_THE_REHEARSAL
from tests.immich_server import FOLDER, Immich, serving


@pytest.fixture
def immich(tmp_path: Path) -> Iterator[Immich]:
    with serving(tmp_path) as served:
        yield served


def test_the_permissions_that_are_named_are_enough_and_none_too_many() -> None:
    named = {*immich_api.PERMISSIONS, *immich_api.PERMISSIONS_SINCE_3_2, immich_api.NAMES_PERMISSION}
    assert named == set(OF_THE_REHEARSAL)


def test_a_library_from_nothing_to_its_photos(immich: Immich) -> None:
    immich.folder("icloud-import", "one.jpg", "two.mov")
    api = immich.api()
    made = api.create_library(api.me(), "iCloud Photos")
    assert (made.import_paths, made.refreshed_at) == ((), "")
    settled = api.update_library(immich_api.Library(made.id, made.owner_id, made.name, (FOLDER,), ("**/a/**",), ""))
    assert (settled.import_paths, settled.exclusion_patterns) == ((FOLDER,), ("**/a/**",))
    api.scan(made.id)
    immich.work()
    (found,) = [one for one in api.libraries() if one.id == made.id]
    assert found.refreshed_at
    assert api.statistics(made.id) == Statistics(photos=1, videos=1, usage=14)


def test_which_folders_immich_does_not_see(immich: Immich) -> None:
    immich.folder("icloud-import", "one.jpg")
    gone = f"{FOLDER}-anna"
    library = immich_api.Library(immich.api().libraries()[0].id, "", "", (FOLDER, gone), (), "")
    assert immich.api(immich.key("all")).unseen(library) == {gone: "Path does not exist (ENOENT)"}
    with pytest.raises(ImmichRefusedError, match="Missing required permission: all") as refused:
        immich.api().unseen(library)
    assert refused.value.status == 403


def test_one_connection_is_enough(immich: Immich) -> None:
    connect = Mock(wraps=immich.connect)
    api = ImmichApi(connect, SecretStr(API_KEY))
    api.me()
    api.libraries()
    api.users()
    connect.assert_called_once_with()


@pytest.mark.parametrize(("version", "route"), [("2.4.1", "/system-config"), ("3.2.0", "/admin/config")])
def test_the_configuration_of_both_generations(immich: Immich, version: str, route: str) -> None:
    immich.asked("PUT", "version", {"version": version})
    api = immich.api()
    document = api.configuration()
    document["library"]["watch"]["enabled"] = True
    assert api.replace_configuration(document)["library"]["watch"] == {"enabled": True}
    assert ("PUT", route) in immich.server.api.log


@pytest.mark.parametrize(("version", "needed"), [("3.1.9", "systemConfig.read"), ("3.2.0", "adminConfig.read")])
def test_the_other_generations_permission_is_of_no_use(immich: Immich, version: str, needed: str) -> None:
    immich.asked("PUT", "version", {"version": version})
    (other,) = {"systemConfig.read", "adminConfig.read"} - {needed}
    immich.api(immich.key(needed)).configuration()
    with pytest.raises(ImmichRefusedError, match=f"Missing required permission: {needed}"):
        immich.api(immich.key(other)).configuration()


def sentence(api: ImmichApi) -> str:
    with pytest.raises(ImmichError) as refused:
        api.libraries()
    return str(refused.value)


def test_a_key_that_immich_does_not_know(immich: Immich) -> None:
    told = sentence(immich.api("a-key-of-yesterday"))
    assert told.startswith("Immich does not know the API key: it is mistyped or was deleted.")
    assert told.endswith("store it as immich-icloud:immichApiKey")
    assert "a-key-of-yesterday" not in told


def test_a_key_without_a_permission(immich: Immich) -> None:
    told = sentence(immich.api(immich.key("user.read")))
    assert "Missing required permission: library.read. It needs: library.read, library.create," in told
    assert "from Immich 3.2 on also adminConfig.read, adminConfig.update" in told


def test_a_key_of_a_user_who_is_no_administrator(immich: Immich) -> None:
    told = sentence(immich.api(immich.key("all", email="partner@coultonf.com")))
    assert told.startswith("the API key of Immich does not belong to an administrator")


def test_an_immich_that_is_starting(immich: Immich) -> None:
    for _ in range(4):
        immich.fault("unavailable", "GET", "/libraries")
    assert sentence(immich.api()) == "Immich has an error of its own (asked for /libraries): 503"
    assert [one.name for one in immich.api().libraries()] == ["Scans"]


def test_an_answer_that_is_lost(immich: Immich) -> None:
    for _ in range(4):
        immich.fault("timeOut", "GET", "/libraries")
    api = immich.api()
    assert "Immich does not answer (asked for /libraries)" in sentence(api)
    immich.fault("timeOut", "GET", "/libraries")
    assert [one.name for one in api.libraries()] == ["Scans"], "the next one opens another connection"


def test_what_a_key_lacks_is_known_before_it_is_needed(immich: Immich) -> None:
    assert immich.api().lacking() == ()
    assert immich.api(immich.key("all")).lacking() == ()
    some = immich.key("library.read", "library.create", "library.statistics", "user.read", "systemConfig.read")
    assert immich.api(some).lacking() == ("library.update", "systemConfig.update")
    immich.asked("PUT", "version", {"version": "3.2.0"})
    assert immich.api(some).lacking()[-2:] == ("adminConfig.read", "adminConfig.update")


def test_something_else_behind_the_service(immich: Immich, monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (b"<html>Please log in</html>", b"{}", b"[]", b"null"):
        monkeypatch.setattr(ImmichApi, "_send", lambda *_, answer=answer: (302, answer))
        with pytest.raises(UnansweredError, match="is not Immich's API: its answer to"):
            _ = immich.api().version
        with pytest.raises(UnansweredError, match="not Immich's API"):
            immich.api().configuration()


def test_a_connection_that_was_idle_is_not_used_again(immich: Immich, monkeypatch: pytest.MonkeyPatch) -> None:
    """Immich ends it after some seconds, at the very moment of the next request, perhaps."""
    connect, now = Mock(wraps=immich.connect), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    api = ImmichApi(connect, SecretStr(API_KEY))
    api.me()
    now[0] += 5
    api.me()
    assert connect.call_count == 2


def test_a_refusal_is_told_in_immichs_words(immich: Immich) -> None:
    api = immich.api()
    library = api.create_library(api.me(), "iCloud Photos")
    with pytest.raises(ImmichRefusedError) as refused:
        api.update_library(immich_api.Library(library.id, library.owner_id, library.name, (FOLDER,), (), ""))
    assert (refused.value.status, refused.value.words) == (400, "Invalid import path: Path does not exist (ENOENT)")
