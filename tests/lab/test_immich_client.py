"""Immich's API in the rehearsal, as clients meet it that were generated from the OpenAPI documents of real versions.

Each call goes over loopback, and each answer is held against what the client declares, strictly: a field that is
unknown, missing or of another type is a misfit.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.environments import interpreter
from lab.immich.server import Server
from lab.immich.world import API_KEY, found, give_key, upgrade

CLIENTS = Path(__file__).parents[1] / "immichpy"
(SCANS,) = found().libraries
OWNER = found().owner["id"]
MADE = {"ownerId": OWNER, "name": "iCloud Photos", "importPaths": ["/external/icloud"]}
LOOKED_AT = {"importPaths": ["/external/icloud", "/external/icloud/gone"]}

Call = Callable[..., Any]


class MisfitError(Exception):
    """An answer is not what the client declares."""


@contextmanager
def client(url: str, generation: int) -> Iterator[Call]:
    """Calls the API through the client of a generation; returns status and answer of those that fit."""
    python = interpreter("immichpy", CLIENTS / "requirements.txt", CLIENTS / f"immich-{generation}.txt")
    command: list[str | Path] = [python, "-I", "-W", "ignore::DeprecationWarning", CLIENTS / "driver.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        print(json.dumps([url, API_KEY]), file=process.stdin, flush=True)

        def call(api: str, method: str, **arguments: Any) -> tuple[int, Any]:
            assert process.stdin
            assert process.stdout
            asked = {"api": api, "method": method, "arguments": arguments}
            print(json.dumps(asked), file=process.stdin, flush=True)
            told = json.loads(process.stdout.readline())
            if told["misfit"] and told["status"] < 400:
                raise MisfitError(told["misfit"])
            return told["status"], told["answer"]

        yield call
        process.stdin.close()


@pytest.fixture(scope="module", params=["2.4.1", "3.2.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("immich")
    (place / "photos").mkdir()
    server = Server(place / "world.json", place / "url", {"/external/icloud": str(place / "photos")})
    upgrade(server.api.world, version)
    give_key(server.api.world, API_KEY, server.api.world.owner["email"], ["all"])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def call(server: Server, version: str) -> Iterator[Call]:
    with client(f"http://127.0.0.1:{server.server_port}/api", int(version[0])) as call:
        yield call


def test_the_client_is_of_the_version_that_the_world_has(version: str) -> None:
    assert f" Immich {version}." in (CLIENTS / f"immich-{version[0]}.txt").read_text()


@pytest.mark.parametrize(
    ("api", "method", "arguments", "status"),
    [
        ("ServerApi", "ping_server", {}, 200),
        ("ServerApi", "get_server_version", {}, 200),
        ("ServerApi", "get_server_features", {}, 200),
        ("ServerApi", "get_supported_media_types", {}, 200),
        ("UsersApi", "get_my_user", {}, 200),
        ("UsersApi", "search_users", {}, 200),
        ("LibrariesApi", "get_all_libraries", {}, 200),
        ("LibrariesApi", "get_library", {"id": SCANS}, 200),
        ("LibrariesApi", "get_library_statistics", {"id": SCANS}, 200),
        ("LibrariesApi", "create_library", {"create_library_dto": MADE}, 201),
        ("LibrariesApi", "update_library", {"id": SCANS, "update_library_dto": {"name": "Old scans"}}, 200),
        ("LibrariesApi", "validate", {"id": SCANS, "validate_library_dto": LOOKED_AT}, 200),
        ("SystemConfigApi", "get_config", {}, 200),
    ],
)
def test_each_answer_is_what_the_client_declares_and_nothing_else(
    call: Call, api: str, method: str, arguments: dict[str, Any], status: int
) -> None:
    assert call(api, method, **arguments)[0] == status


def test_a_library_s_whole_life(call: Call) -> None:
    library = call("LibrariesApi", "create_library", create_library_dto=MADE)[1]["id"]
    assert call("LibrariesApi", "get_library", id=library)[1]["refreshedAt"] is None
    assert call("LibrariesApi", "scan_library", id=library) == (204, None)
    call("ServerApi", "ping_server")
    assert call("LibrariesApi", "get_library", id=library)[1]["refreshedAt"]
    assert call("LibrariesApi", "delete_library", id=library) == (204, None)
    assert call("LibrariesApi", "get_library", id=library)[0] == 400


def test_assets_are_searched(call: Call, server: Server) -> None:
    (mount,) = server.api.world.mounts.values()
    (Path(mount) / "IMG_1.HEIC").write_text("IMG_1")
    (Path(mount) / "IMG_1_HEVC.MOV").write_text("IMG_1 moves")
    library = call("LibrariesApi", "create_library", create_library_dto=MADE)[1]["id"]
    call("LibrariesApi", "scan_library", id=library)
    call("ServerApi", "ping_server")
    asked = {"libraryId": library, "withDeleted": True, "size": 1000, "page": 1}
    status, found = call("SearchApi", "search_assets", metadata_search_dto=asked)
    assert (status, found["assets"]["total"], found["assets"]["nextPage"]) == (200, 2, None)
    counted = call("LibrariesApi", "get_library_statistics", id=library)[1]
    assert (counted["photos"], counted["videos"]) == (1, 0), "the video is a part of the photo"
    call("LibrariesApi", "delete_library", id=library)


def test_the_configuration_goes_through_the_client_and_back(call: Call, version: str) -> None:
    routes = [("SystemConfigApi", "get_config", "update_config", "system_config_dto")]
    if version == "3.2.0":
        routes = [
            ("SystemConfigApi", "get_config", "update_config", "admin_config_dto"),
            ("ConfigAdminApi", "get_admin_config", "update_admin_config", "admin_config_dto"),
        ]
    for api, read, write, argument in routes:
        _, document = call(api, read)
        assert call(api, write, **{argument: document}) == (200, document)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda library: library.pop("name"), "name\n  Field required"),
        (lambda library: library.update(surprise=1), "surprise\n  Extra inputs are not permitted"),
        (lambda library: library.update(importPaths=[7]), "importPaths.0\n  Input should be a valid string"),
        (lambda library: library.update(createdAt="yesterday"), "createdAt\n"),
    ],
)
def test_an_answer_that_is_off_is_found_out(call: Call, server: Server, spoil: Call, told: str) -> None:
    spoilt = server.api.world.libraries[SCANS]
    kept = dict(spoilt)
    spoil(spoilt)
    try:
        with pytest.raises(MisfitError) as caught:
            call("LibrariesApi", "get_library", id=SCANS)
    finally:
        spoilt.clear()
        spoilt.update(kept)
    assert told in str(caught.value)
