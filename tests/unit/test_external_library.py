"""What is wanted of Immich itself, on Pulumi's mocks."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.result import Code, parse
from components import pod_security
from components.external_library import libraries
from components.ownership import Ownership
from components.photo_disk import disk_id
from components.plan import Found, plan
from components.pod_security import Level
from components.storage import written_claim
from lab.node.container import Image
from settings import Settings
from tests.accounts import household
from tests.node_stand_in import Node
from tests.objects import SERVERS, STACK
from tests.unit.recording import Recording, deployed

IMMICH = Found(SERVERS)
KEY = "an-unknown-api-key"
LOCAL = {"kind": "local", "node": "talos-1", "path": "/var/mnt/photos", "owner": {"uid": 1000, "gid": 1001}}
NFS = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos", "owner": {"uid": 1000, "gid": 1001}}


def showing(*accounts: dict[str, Any], storage: dict[str, Any] | None = None, **library: Any) -> Settings:
    """A household with an API key."""
    stated = household(*accounts, storage=storage).model_dump(by_alias=True, exclude_unset=True)
    return Settings.model_validate({**stated, "immich": {"library": library}, "immichApiKey": KEY})


def wanted(settings: Settings) -> list[tuple[str, list[str]]]:
    made = libraries(settings, Ownership(STACK))
    assert made
    return [(library.owner, [*library.import_paths]) for library in made.wanted]


def one_library(stack: Recording) -> Any:
    return stack.one("Library")


def test_without_an_api_key_nothing_is_stated_in_immich() -> None:
    settings = household()
    assert libraries(settings, Ownership(STACK)) is None
    stack = deployed(settings, IMMICH)
    assert [stack.all(kind) for kind in ("Library", "Settings", "ExternalLibrary")] == [[], [], []]
    assert "libraries" not in stack.outputs


def test_the_library_imports_the_accounts_folder_as_immich_sees_it() -> None:
    library = one_library(deployed(showing(), IMMICH)).inputs
    assert (library["name"], library["import_paths"]) == ("iCloud Photos", ["/external/icloud/icloud-import"])
    assert json.loads(library["server"]) == {"namespace": "immich", "service": "immich-server", "port": 3001}


def test_without_accounts_it_imports_the_folder_that_the_first_one_will_have() -> None:
    alone = showing()
    nobody = alone.model_copy(update={"photo_sync": alone.photo_sync.model_copy(update={"accounts": ()})})
    assert wanted(nobody) == [("", ["/external/icloud/icloud-import"])]


def test_one_users_accounts_are_one_library() -> None:
    assert wanted(showing({"name": "anna"}, {"name": "ben"}, owner="anna@example.com")) == [
        ("anna@example.com", ["/external/icloud/icloud-import", "/external/icloud/icloud-import-ben"])
    ]


def test_each_user_of_immich_has_a_library() -> None:
    family = showing({"name": "anna"}, {"name": "ben", "immichUser": "ben@example.com"}, {"name": "old-phone"})
    assert wanted(family) == [
        ("", ["/external/icloud/icloud-import", "/external/icloud/icloud-import-old-phone"]),
        ("ben@example.com", ["/external/icloud/icloud-import-ben"]),
    ]


def test_what_can_not_be_made_again_is_protected() -> None:
    stack = deployed(showing({"name": "anna"}, {"name": "ben", "immichUser": "ben@example.com"}, storage=LOCAL), IMMICH)
    assert sorted(resource.name for resource in stack.resources if resource.protect) == [
        "immich-photos-claim",
        "immich-photos-volume",
        "library",
        "library-of-ben@example.com",
        "photo-sync-namespace",
        "photos-claim",
        "photos-volume",
        "sync-cookies-anna",
        "sync-cookies-ben",
    ]


@pytest.mark.parametrize(
    ("one", "other", "libraries"),
    [
        ("Anna@Example.com", "anna@example.com", 1),
        ("Jose\u0301@b.c", "JOS\u00c9@b.c", 1),
        ("stra\u00dfe@b.c", "strasse@b.c", 2),
    ],
)
def test_an_owner_in_two_spellings_is_one(one: str, other: str, libraries: int) -> None:
    stated = showing({"name": "anna", "immichUser": one}, {"name": "ben"}, owner=other)
    assert len({library.name for library in deployed(stated, IMMICH).all("Library")}) == libraries
    assert len(wanted(stated)) == libraries


@pytest.mark.parametrize(("owner", "before"), [("Anna@Example.com", ["library-of-Anna@Example.com"]), ("a@b.c", [])])
def test_an_owner_in_other_letters_has_the_same_library(owner: str, before: list[str]) -> None:
    library = one_library(deployed(showing({"name": "anna"}, owner=owner), IMMICH))
    assert library.name == f"library-of-{owner.lower()}"
    assert [alias.rpartition("::")[2] for alias in library.aliases] == before


def test_libraries_stay_when_the_stack_is_removed() -> None:
    assert one_library(deployed(showing(), IMMICH)).retain_on_delete


def test_server_wide_settings_are_restored() -> None:
    stack = deployed(showing(scanSchedule="0 4 1 * *", watch=True), IMMICH)
    server_wide = stack.one("Settings")
    assert (server_wide.inputs["scan_schedule"], server_wide.inputs["watch"]) == ("0 4 1 * *", True)
    assert not server_wide.retain_on_delete
    # At removal that comes first: once its photos are gone from sight, Immich must not scan by our schedule.
    assert stack.comes_after(server_wide, one_library(stack))


def test_server_wide_settings_that_are_not_stated_are_unchanged() -> None:
    assert deployed(showing(), IMMICH).all("Settings") == []


def test_immich_sees_the_photos_before_it_imports_them() -> None:
    stack = deployed(showing(), IMMICH)
    assert stack.comes_after(one_library(stack), stack.fragment("Deployment", "immich-server"))
    assert stack.comes_after(one_library(stack), stack.one("Job"))


def test_no_key_is_kept_in_the_state() -> None:
    stack = deployed(showing(watch=True), IMMICH)
    assert KEY not in str([resource.inputs for resource in stack.resources if resource.kind in {"Library", "Settings"}])
    assert KEY not in str(stack.outputs)


def test_outputs_tell_of_each_library() -> None:
    told = plan(showing(owner="anna@example.com"), IMMICH, Ownership(STACK)).outputs
    assert told.libraries is None, "ids are known only once they are made"
    (library,) = deployed(showing(owner="anna@example.com"), IMMICH).outputs["libraries"]
    assert {key: library[key] for key in ("name", "owner", "import_paths")} == {
        "name": "iCloud Photos",
        "owner": "anna@example.com",
        "import_paths": ["/external/icloud/icloud-import"],
    }


def disk_check(settings: Settings) -> dict[str, Any]:
    made = libraries(settings, Ownership(STACK))
    assert made
    return made.disk_check


@pytest.mark.parametrize("storage", [None, LOCAL, NFS], ids=["hostPath", "local", "nfs"])
def test_the_disk_is_looked_for_through_the_syncs_claim_read_only(storage: dict[str, Any] | None) -> None:
    pod = disk_check(showing(storage=storage))["spec"]["template"]["spec"]
    (volume,), (container,) = pod["volumes"], pod["containers"]
    assert volume["persistentVolumeClaim"] == {"claimName": "icloud-photos", "readOnly": True}
    assert container["volumeMounts"] == [{"name": "photos", "mountPath": "/photos", "readOnly": True}]
    assert 'grep -qsx "id: $DISK_ID" /photos/.immich-icloud' in container["command"][-1]
    assert container["env"] == [disk_id()]
    assert container["securityContext"]["runAsUser"] == 1000


def test_looking_for_the_disk_is_tried_once() -> None:
    spec = disk_check(showing())["spec"]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (0, "Never")


@pytest.mark.parametrize(("storage", "level"), [(NFS, "restricted"), (LOCAL, "privileged")], ids=["nfs", "local"])
def test_its_pod_needs_no_lower_level_than_the_others(storage: dict[str, Any], level: Level) -> None:
    settings = showing(storage=storage)
    assert pod_security.needed(disk_check(settings)["spec"]["template"]["spec"]) == "restricted"
    labels = plan(settings, IMMICH, Ownership(STACK)).photo_sync.manifest["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == level


def test_the_disk_check_reports_a_missing_mark(tmp_path: Path) -> None:
    settings = showing()
    (tmp_path / "disk" / written_claim(settings.storage)).mkdir(parents=True)
    (tmp_path / "id").write_text("1-aa")
    ended = Node(tmp_path / "disk", tmp_path, Image()).run(disk_check(settings))
    found = parse(ended.out)
    assert found
    assert (ended.code, ended.error, found.code) == (1, "", Code.NO_MARK)
