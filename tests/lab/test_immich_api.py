"""Immich's API in the rehearsal: who may do what, libraries, the configuration, and how it says no.

Sources are Immich's own: `library.service.ts`, `auth.service.ts`, `system-config.service.ts`, `config.dto.ts`,
`global-exception.filter.ts` and their specifications. The form of answers is held against a published client elsewhere.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.immich import cron
from lab.immich.api import Api
from lab.immich.faults import Fault
from lab.immich.world import API_KEY, PERMISSIONS, add_user, found, give_key, upgrade
from lab.stand_in.transport import Transport

OWNER = found().owner["id"]
(SCANS,) = found().libraries
NOBODY = "0a1b2c3d-9999-4000-8000-000000000001"
OTHER_KEY = API_KEY.replace("real", "other")
VERSIONS = ["2.4.1", "3.2.0"]


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(found(mounts={"/external/icloud": tmp_path}))


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with connected(api) as client:
        yield client


def connected(api: Api, key: str | None = API_KEY) -> httpx.Client:
    headers = {} if key is None else {"x-api-key": key}
    return httpx.Client(transport=Transport(api), base_url="http://immich/api", headers=headers)


def made(client: httpx.Client, **changes: Any) -> Any:
    answer = client.post("/libraries", json={"ownerId": OWNER, "name": "iCloud Photos", **changes})
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestKeys:
    @pytest.mark.parametrize(("key", "message"), [(None, "Authentication required"), (OTHER_KEY, "Invalid API key")])
    def test_without_a_key_that_is_known_nothing_is_told(self, api: Api, key: str | None, message: str) -> None:
        with connected(api, key) as client:
            for path in ("/users/me", "/libraries", "/system-config"):
                answer = client.get(path)
                assert (answer.status_code, answer.json()["message"]) == (401, message)

    def test_what_everybody_may_know(self, api: Api) -> None:
        with connected(api, None) as client:
            assert client.get("/server/ping").json() == {"res": "pong"}
            assert client.get("/server/version").json() == {"major": 2, "minor": 4, "patch": 1}
            assert client.get("/server/features").json()["configFile"] is False

    CALLS = (
        ("GET", "/users/me", "user.read"),
        ("GET", "/users", "user.read"),
        ("GET", "/libraries", "library.read"),
        ("GET", f"/libraries/{SCANS}", "library.read"),
        ("POST", "/libraries", "library.create"),
        ("PUT", f"/libraries/{SCANS}", "library.update"),
        ("POST", f"/libraries/{SCANS}/scan", "library.update"),
        ("POST", f"/libraries/{SCANS}/validate", "all"),
        ("GET", f"/libraries/{SCANS}/statistics", "library.statistics"),
        ("DELETE", f"/libraries/{SCANS}", "library.delete"),
        ("GET", "/system-config", "systemConfig.read"),
        ("PUT", "/system-config", "systemConfig.update"),
        ("GET", "/admin/config", "adminConfig.read"),
        ("PUT", "/admin/config", "adminConfig.update"),
    )

    @pytest.mark.parametrize(("method", "path", "permission"), CALLS)
    def test_each_call_needs_its_permission(self, api: Api, method: str, path: str, permission: str) -> None:
        upgrade(api.world, "3.2.0")
        body = {"ownerId": OWNER} if path == "/libraries" else found("3.2.0").configuration
        with connected(api, OTHER_KEY) as client:
            give_key(api.world, OTHER_KEY, "owner@coultonf.com", {*PERMISSIONS, "library.delete"} - {permission})
            refused = client.request(method, path, json=body)
            give_key(api.world, OTHER_KEY, "owner@coultonf.com", [permission])
            allowed = client.request(method, path, json=body)
        assert (refused.status_code, refused.json()["message"]) == (403, f"Missing required permission: {permission}")
        assert allowed.is_success

    def test_the_lab_s_own_key_may_do_no_more_than_the_project(self, client: httpx.Client) -> None:
        assert client.delete(f"/libraries/{SCANS}").json()["message"] == "Missing required permission: library.delete"
        assert client.post(f"/libraries/{SCANS}/validate").json()["message"] == "Missing required permission: all"

    def test_an_administrators_calls_need_an_administrator(self, api: Api) -> None:
        give_key(api.world, OTHER_KEY, "partner@coultonf.com", ["all"])
        with connected(api, OTHER_KEY) as client:
            assert client.get("/users/me").json()["isAdmin"] is False
            for path in ("/libraries", f"/libraries/{SCANS}", "/system-config"):
                assert (client.get(path).status_code, client.get(path).json()["message"]) == (403, "Forbidden")

    def test_users_are_told_to_everybody_unless_they_are_not_public(self, api: Api, client: httpx.Client) -> None:
        add_user(api.world, "child@coultonf.com", "Child")
        give_key(api.world, OTHER_KEY, "child@coultonf.com", ["user.read"])
        every = {"owner@coultonf.com", "partner@coultonf.com", "child@coultonf.com"}
        with connected(api, OTHER_KEY) as childs:
            assert {user["email"] for user in childs.get("/users").json()} == every
            api.world.configuration["server"]["publicUsers"] = False
            assert {user["email"] for user in childs.get("/users").json()} == {"child@coultonf.com"}
        assert {user["email"] for user in client.get("/users").json()} == every


class TestErrors:
    def test_2_4_says_all_in_the_body(self, client: httpx.Client) -> None:
        answer = client.get(f"/libraries/{NOBODY}")
        correlation = answer.headers["x-immich-cid"]
        assert answer.json() == {
            "message": "Library not found",
            "error": "Bad Request",
            "statusCode": 400,
            "correlationId": correlation,
        }
        assert client.get("/nowhere").json()["message"] == "Cannot GET /api/nowhere"
        assert client.get("/nowhere").status_code == 404
        assert client.get("/libraries/none").json()["message"] == ["id must be a UUID"]

    def test_3_2_leaves_out_what_the_response_line_says(self, api: Api, client: httpx.Client) -> None:
        upgrade(api.world, "3.2.0")
        answer = client.get(f"/libraries/{NOBODY}")
        assert (answer.status_code, answer.json()) == (400, {"message": "Library not found"})
        assert answer.headers["x-immich-cid"]
        invalid = client.get("/libraries/none").json()
        assert invalid["message"] == "Validation failed"
        assert [(error["path"], error["message"]) for error in invalid["errors"]] == [(["id"], "Invalid UUID")]


class TestLibraries:
    def test_names_are_not_unique_and_what_is_not_said_has_a_default(self, client: httpx.Client) -> None:
        first, second = made(client), made(client)
        assert first["id"] != second["id"]
        assert (first["importPaths"], first["refreshedAt"]) == ([], None)
        assert "**/@eaDir/**" in first["exclusionPatterns"]
        assert [library["name"] for library in client.get("/libraries").json()] == ["Scans", *["iCloud Photos"] * 2]

    def test_only_an_update_looks_at_import_paths(
        self, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "import").mkdir()
        told = {
            "/external/icloud/none": "Path does not exist (ENOENT)",
            "/external/elsewhere": "Path does not exist (ENOENT)",
            "/external/icloud/file": "Not a directory",
            "/data/library": "Cannot use media upload folder for external libraries",
            "icloud": "Import path must be absolute, try /usr/src/app/server/icloud",
        }
        library = made(client, importPaths=list(told))
        for path, message in told.items():
            answer = client.put(f"/libraries/{library['id']}", json={"name": "renamed", "importPaths": [path]})
            assert (answer.status_code, answer.json()["message"]) == (400, f"Invalid import path: {message}")
        assert client.get(f"/libraries/{library['id']}").json() == library
        good = {"importPaths": ["/external/icloud/import"]}
        assert client.put(f"/libraries/{library['id']}", json=good).json()["importPaths"] == good["importPaths"]
        monkeypatch.setattr("os.access", lambda *_: False)
        answer = client.put(f"/libraries/{library['id']}", json=good)
        assert answer.json()["message"] == "Invalid import path: Lacking read permission for folder"

    def test_import_paths_can_be_looked_at_without_an_update(self, api: Api, tmp_path: Path) -> None:
        (tmp_path / "import").mkdir()
        give_key(api.world, OTHER_KEY, "owner@coultonf.com", ["all"])
        paths = ["/external/icloud/import", "/external/icloud/none"]
        with connected(api, OTHER_KEY) as client:
            told = client.post(f"/libraries/{SCANS}/validate", json={"importPaths": paths})
        assert (told.status_code, told.json()["importPaths"]) == (
            200,
            [
                {"importPath": paths[0], "isValid": True},
                {"importPath": paths[1], "isValid": False, "message": "Path does not exist (ENOENT)"},
            ],
        )

    BAD: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"importPaths": ["/a", "/a"]}, "All importPaths's elements must be unique", "Array must have unique items"),
        (
            {"importPaths": [f"/{number}" for number in range(129)]},
            "importPaths must contain no more than 128 elements",
            "Too big: expected array to have <=128 items",
        ),
        (
            {"exclusionPatterns": [""]},
            "each value in exclusionPatterns should not be empty",
            "Array items must not be empty",
        ),
        ({"name": ""}, "name should not be empty", "Too small: expected string to have >=1 characters"),
    )

    @pytest.mark.parametrize(("change", "old", "new"), BAD)
    def test_bad_requests_are_refused_as_the_version_does(
        self, api: Api, client: httpx.Client, change: dict[str, Any], old: str, new: str
    ) -> None:
        for method, path in (("POST", "/libraries"), ("PUT", f"/libraries/{SCANS}")):
            answer = client.request(method, path, json={"ownerId": OWNER, **change})
            assert (answer.status_code, answer.json()["message"]) == (400, [old])
        upgrade(api.world, "3.2.0")
        answer = client.post("/libraries", json={"ownerId": OWNER, **change})
        assert [error["message"] for error in answer.json()["errors"]] == [new]
        assert list(api.world.libraries) == [SCANS]

    def test_an_owner_is_needed_and_has_to_exist(self, client: httpx.Client) -> None:
        assert client.post("/libraries", json={"name": "ours"}).json()["message"] == ["ownerId must be a UUID"]
        assert client.post("/libraries", json={"ownerId": NOBODY}).status_code == 500

    def test_an_update_changes_what_it_names_and_drops_unknown_keys(self, client: httpx.Client) -> None:
        library = made(client, exclusionPatterns=["**/Raw/**"])
        changed = client.put(f"/libraries/{library['id']}", json={"name": "renamed", "ownerId": NOBODY}).json()
        assert changed["updatedAt"] >= library["updatedAt"]
        assert changed == {**library, "name": "renamed", "updatedAt": changed["updatedAt"]}

    def test_a_deleted_library_takes_its_assets_with_it(self, api: Api) -> None:
        give_key(api.world, OTHER_KEY, "owner@coultonf.com", ["all"])
        with connected(api, OTHER_KEY) as client:
            assert client.delete(f"/libraries/{SCANS}").status_code == 204
        assert (api.world.libraries, api.world.assets) == ({}, {})


class TestConfiguration:
    @pytest.mark.parametrize(
        ("version", "path", "status"),
        [
            ("2.4.1", "/system-config", 200),
            ("2.4.1", "/admin/config", 404),
            ("3.1.0", "/admin/config", 404),
            ("3.2.0", "/admin/config", 200),
            # It is deprecated, and goes on.
            ("3.2.0", "/system-config", 200),
        ],
    )
    def test_where_it_is(self, api: Api, client: httpx.Client, version: str, path: str, status: int) -> None:
        upgrade(api.world, version)
        assert client.get(path).status_code == status
        assert client.put(path, json=found(version).configuration).status_code == status

    @pytest.mark.parametrize("version", VERSIONS)
    def test_as_found_it_is_immich_s_default_where_we_touch_it(
        self, api: Api, client: httpx.Client, version: str
    ) -> None:
        upgrade(api.world, version)
        assert client.get("/system-config").json()["library"] == {
            "scan": {"enabled": True, "cronExpression": "0 0 * * *"},
            "watch": {"enabled": False},
        }

    def test_a_write_is_the_whole_document(self, api: Api, client: httpx.Client) -> None:
        document = client.get("/system-config").json()
        document["library"] = {"scan": {"enabled": True, "cronExpression": "0 4 1 * *"}, "watch": {"enabled": True}}
        assert client.put("/system-config", json=document).json() == document
        assert client.get("/system-config").json() == document == api.world.configuration

    SPOILS: tuple[tuple[Callable[[Any], Any], str, str], ...] = (
        (lambda d: d.pop("trash"), "trash must be an object", "Invalid input: expected object, received undefined"),
        (
            lambda d: d["library"]["watch"].pop("enabled"),
            "library.watch.enabled must be a boolean value",
            "Invalid input: expected boolean, received undefined",
        ),
        (
            lambda d: d["library"]["scan"].update(cronExpression="every day"),
            "library.scan.Invalid cron expression",
            "Invalid cron expression",
        ),
        (
            lambda d: d["trash"].update(days="30"),
            "trash.days must be an integer number",
            "Invalid input: expected int, received str",
        ),
    )

    @pytest.mark.parametrize(("spoil", "old", "new"), SPOILS)
    def test_a_document_that_is_off_is_refused(
        self, api: Api, client: httpx.Client, spoil: Callable[[Any], Any], old: str, new: str
    ) -> None:
        for version, told in (("2.4.1", [old]), ("3.2.0", "Validation failed")):
            upgrade(api.world, version)
            before = deepcopy(api.world.configuration)
            document = client.get("/system-config").json()
            spoil(document)
            answer = client.put("/system-config", json=document)
            assert (answer.status_code, answer.json()["message"]) == (400, told)
            assert api.world.configuration == before
        assert [error["message"] for error in answer.json()["errors"]] == [new]

    def test_what_immich_does_not_know_is_dropped_without_a_word(self, client: httpx.Client) -> None:
        document = client.get("/system-config").json()
        document["library"]["scan"]["surprise"] = document["surprise"] = 1
        answer = client.put("/system-config", json=document)
        assert answer.status_code == 200
        assert "surprise" not in answer.text

    def test_numbers_may_be_written_as_an_engine_writes_them(self, client: httpx.Client) -> None:
        document = json.loads(client.get("/system-config").text, parse_int=float)
        answer = client.put("/system-config", json=document)
        assert answer.status_code == 200
        assert answer.json()["trash"]["days"] == 30
        assert ".0" not in json.dumps(answer.json()["job"])

    def test_a_configuration_file_is_the_only_writer(self, api: Api, client: httpx.Client) -> None:
        api.world.config_file = True
        assert client.get("/server/features").json()["configFile"] is True
        answer = client.put("/system-config", json=client.get("/system-config").json())
        told = "Cannot update configuration while IMMICH_CONFIG_FILE is in use"
        assert (answer.status_code, answer.json()["message"]) == (400, told)

    def test_an_upgrade_keeps_what_was_chosen_and_adds_what_is_new(self, api: Api, client: httpx.Client) -> None:
        api.world.configuration["library"]["scan"]["cronExpression"] = "0 4 1 * *"
        upgrade(api.world, "3.2.0")
        document = client.get("/admin/config").json()
        assert document["library"]["scan"]["cronExpression"] == "0 4 1 * *"
        assert document["newVersionCheck"] == {"enabled": True, "channel": "stable"}

    @pytest.mark.parametrize(
        ("expression", "valid"),
        [
            ("0 0 * * *", True), ("0 4 1 * *", True), ("*/5 0-6 1,15 jan-mar SUN", True), ("30 0 0 * * 7", True),
            ("0 0 * *", False), ("60 0 * * *", False), ("0 24 * * *", False), ("0 0 0 * *", False),
            ("0 0 * 13 *", False), ("*/0 * * * *", False), ("5-1 * * * *", False), ("", False), ("@often", False),
        ],
    )  # fmt: skip
    def test_cron_expressions(self, expression: str, *, valid: bool) -> None:
        assert cron.valid(expression) is valid


class TestFaults:
    def test_an_ingress_answers_while_immich_starts(self, api: Api, client: httpx.Client) -> None:
        api.faults.append(Fault("unavailable", "PUT"))
        document = client.get("/system-config").json()
        document["trash"]["days"] = 7
        refused = client.put("/system-config", json=document)
        assert (refused.status_code, refused.headers["content-type"]) == (503, "text/html")
        assert api.world.configuration["trash"]["days"] == 30
        assert client.put("/system-config", json=document).status_code == 200

    def test_another_writer_comes_between_a_read_and_a_write(self, api: Api, client: httpx.Client) -> None:
        document = client.get("/system-config").json()
        theirs = {**document, "trash": {"enabled": True, "days": 7}}
        api.told("POST", ["faults"], {"kind": "otherWriter", "method": "PUT", "config": theirs})
        # Ours is refused, so that what stays is the other's.
        assert client.put("/system-config", json={}).status_code == 400
        assert client.get("/system-config").json() == theirs
        api.faults.append(Fault("otherWriter", "PUT"))
        assert client.put("/system-config", json=document).json() == document

    def test_the_world_is_changed_beside_the_api(self, api: Api) -> None:
        api.told("PUT", ["version"], {"version": "3.2.0"})
        api.told("PUT", ["configFile"], {"inUse": True})
        api.told("POST", ["users"], {"email": "child@coultonf.com", "name": "Child"})
        key = {"key": OTHER_KEY, "email": "child@coultonf.com", "permissions": PERMISSIONS}
        api.told("POST", ["keys"], key)
        with connected(api, OTHER_KEY) as client:
            assert client.get("/server/version").json()["major"] == 3
            assert client.get("/server/features").json()["configFile"] is True
            assert client.get("/users/me").json()["email"] == "child@coultonf.com"
            assert client.get("/admin/config").json() == {"message": "Forbidden"}
        assert api.told("GET", ["requests"], None)[-1] == ("GET", "/admin/config")
        api.told("PUT", ["configuration"], {"config": {}})
        assert api.told("GET", ["configuration"], None) == {}
