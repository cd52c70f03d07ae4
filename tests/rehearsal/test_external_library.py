"""The photos in Immich itself: a library and server-wide settings, made, kept, restored. In this order."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from clients.kubernetes import Ref
from engine.run import Operation, Run
from lab import world
from lab.cloudflare.world import TOKEN
from lab.immich.world import API_KEY, PERMISSIONS
from ops import chart_values
from ops.command import Stack
from settings import parse
from tests.rehearsal.conftest import DEPLOYMENT, Bench, changed
from tests.rehearsal.immich import Server
from tests.rehearsal.spy import Spy
from tests.stack_files import configuration, secrets

PHOTOS = True

FOLDER = "/external/icloud/icloud-import"
OURS = {"scan": {"enabled": True, "cronExpression": "0 4 1 * *"}, "watch": {"enabled": True}}
# Of the configuration as found: secrets of others, which nothing of this stack may keep.
THEIR_SECRETS = ("smtp-password-of-the-rehearsal", "oauth-secret-of-the-rehearsal")
# In the engine's environment on purpose, and published: it shows that the search sees something.
SEEN = "immich-icloud-lab"
PASSWORD = "rehearsal-opens-nothing-real"  # noqa: S105 (as in the lab's stack file)
OTHER_KEY = "another-key-of-the-rehearsal-that-opens-nothing"


@pytest.fixture(scope="module")
def server(bench: Bench) -> Server:
    return Server(bench.immich)


@pytest.fixture(scope="module")
def found(server: Server) -> dict[str, Any]:
    """Immich before the stack: its configuration, and a user's library."""
    return {"configuration": server.configuration(), "libraries": server.libraries()}


def spied(bench: Bench, operation: Operation) -> Run:
    """Run an operation, and look meanwhile for secrets wherever a program of the same user can read."""
    with Spy(bench.home, API_KEY, TOKEN, PASSWORD, *THEIR_SECRETS, SEEN) as spy:
        run = bench.run(operation)
    assert run.succeeded, run.errors
    assert spy.saw[SEEN] >= {"environment of pulumi"}
    assert spy.saw.keys() == {SEEN}, spy.saw
    return run


def test_up_makes_the_library_and_scans_it(bench: Bench, server: Server, found: dict[str, Any]) -> None:
    run = spied(bench, "up")
    library = server.library()
    assert library["importPaths"] == [FOLDER]
    assert library["refreshedAt"]
    assert run.outputs["libraries"] == [
        {"id": library["id"], "name": "iCloud Photos", "owner": "the API key's user", "import_paths": [FOLDER]}
    ]
    assert [one for one in server.libraries() if one != library] == found["libraries"]


def test_only_stated_server_wide_settings_are_managed(server: Server, found: dict[str, Any]) -> None:
    assert server.configuration() == {**found["configuration"], "library": OURS}


def test_the_check_of_the_disk_left_no_job(bench: Bench) -> None:
    jobs = bench.cluster.list(Ref("batch/v1", "Job", "", "photo-sync"))
    unfinished = [job for job in jobs if not job["status"].get("completionTime")]
    assert unfinished == []


def test_again_nothing_is_written(bench: Bench, server: Server) -> None:
    before = server.writes()
    assert changed(bench.up()) == []
    assert server.writes() == before


def test_drift_shows_as_properties_and_is_repaired(bench: Bench, server: Server, found: dict[str, Any]) -> None:
    library = server.library()
    server.edit_library(library["id"], importPaths=[], name="Renamed")
    daily = {**found["configuration"]["library"], "watch": {"enabled": True}}
    server.configure({**server.configuration(), "library": daily})
    preview = spied(bench, "preview")
    assert {step.name: dict(step.differences) for step in preview.changed} == {
        "library": {"import_paths": ([], [FOLDER]), "name": ("Renamed", "iCloud Photos")},
        "library-settings": {"scan_schedule": ("0 0 * * *", "0 4 1 * *")},
    }
    bench.up()
    assert server.library()["importPaths"] == [FOLDER]
    assert server.configuration()["library"] == OURS


def refusals(bench: Bench) -> str:
    run = bench.run("preview")
    assert not run.succeeded
    return "\n".join(run.errors)


def test_a_configuration_file_is_told_what_it_has_to_say(bench: Bench, server: Server) -> None:
    server.configuration_file(in_use=True)
    bench.set(lambda s: s["immich"]["library"].update(scanSchedule="0 5 1 * *"))
    assert 'Put {"library": {"scan": {"enabled": true, "cronExpression": "0 5 1 * *"}' in refusals(bench)
    server.configuration_file(in_use=False)
    bench.reset_settings()


def test_a_key_without_a_permission_is_told(bench: Bench, server: Server) -> None:
    server.give_key(OTHER_KEY, *(one for one in PERMISSIONS if one != "library.read"))
    bench.set_secret("immichApiKey", OTHER_KEY)
    assert "library.read" in refusals(bench)


def test_a_rotated_key_is_used_at_once_and_an_upgrade_of_immich_changes_nothing(bench: Bench, server: Server) -> None:
    server.give_key(OTHER_KEY, *PERMISSIONS)
    server.upgrade("3.2.0")
    assert changed(bench.up()) == []
    bench.reset_settings()


def test_an_immich_that_does_not_run_blocks_nothing(bench: Bench) -> None:
    bench.scale_immich(0)
    run = bench.run("preview")
    assert run.succeeded, run.errors
    assert changed(run) == []
    assert any("Service immich/immich-server has no pod that is ready" in warning for warning in run.warnings)
    bench.scale_immich(1)


def test_no_secret_is_kept_in_plain_text(bench: Bench) -> None:
    assert bench.plain_text(API_KEY, OTHER_KEY, *THEIR_SECRETS) == []


# The mount is given to ArgoCD for good, and taken back.


def applied_by_argocd(bench: Bench) -> None:
    """Let ArgoCD apply the chart with the values that we print, as version 0.9 renders them."""
    settings = parse(configuration(bench.stack_file), secrets(bench.stack_file))
    printed = yaml.safe_load(chart_values.values(Stack(bench.stack, settings, bench.cluster)))["server"]
    ((name, volume),) = printed["persistence"].items()
    chart = deepcopy(
        next(one for step in world.steps("found") for one in step.objects if Ref.of(one) == DEPLOYMENT),
    )
    pod = chart["spec"]["template"]["spec"]
    pod["volumes"].append({"name": name, **volume["volumeSpec"]})
    mount = {"name": name, "mountPath": volume["mountPath"], "readOnly": volume["readOnly"]}
    pod["containers"][0]["volumeMounts"].append(mount)
    pod["initContainers"] = [{"name": guard, **stated} for guard, stated in printed["initContainers"].items()]
    bench.cluster.apply(chart, "argocd-controller", force=True)


def replica_sets(bench: Bench) -> list[str]:
    return sorted(one["metadata"]["name"] for one in bench.cluster.list(Ref("apps/v1", "ReplicaSet", "", "immich")))


def test_a_mount_that_only_this_stack_states_is_not_given_away(bench: Bench) -> None:
    # Who writes what is there already, as a client-side apply does, does not own it.
    bench.cluster.patch(DEPLOYMENT, {"spec": {"template": {"spec": bench.pod()}}}, "argocd-controller")
    bench.set(lambda s: s["immich"].update(mount="chart"))
    words = refusals(bench)
    assert "this stack would relinquish the photos' mount, which no other field manager owns yet" in words
    assert words.index("make chart-values") < words.index("ServerSideApply=true") < words.index("to chart")


def test_it_passes_to_the_chart_without_a_rollout(bench: Bench, server: Server) -> None:
    before, sets, writes = bench.pod(), replica_sets(bench), server.writes()
    generation = bench.get(DEPLOYMENT)["metadata"]["generation"]
    applied_by_argocd(bench)
    assert ("delete", "immich-mount-fragment") in changed(bench.up())
    assert bench.pod() == before
    assert (bench.get(DEPLOYMENT)["metadata"]["generation"], replica_sets(bench)) == (generation, sets)
    assert server.writes() == writes
    holders = {entry["manager"] for entry in bench.get(DEPLOYMENT)["metadata"]["managedFields"]}
    assert "argocd-controller" in holders
    assert "immich-icloud/lab" not in holders


def test_and_back_while_both_state_it(bench: Bench) -> None:
    before, sets = bench.pod(), replica_sets(bench)
    bench.reset_settings()
    run = bench.up()
    assert any("Remove it there, and this stack keeps it" in warning for warning in run.warnings)
    world.argocd_syncs(bench.plane.kubeconfig, "found")
    assert bench.pod() == before
    assert replica_sets(bench) == sets


def test_removal_retains_the_library_and_restores_the_settings(
    bench: Bench, server: Server, found: dict[str, Any]
) -> None:
    before = server.library()
    run = spied(bench, "destroy")
    assert ("retain", "library") in changed(run)
    assert any("Immich keeps its libraries and no longer sees their photos" in warning for warning in run.warnings)
    assert server.library() == before
    assert server.configuration()["library"] == found["configuration"]["library"]


def test_the_same_library_is_found_again(bench: Bench, server: Server) -> None:
    before = server.library()
    bench.up()
    after = server.library()
    assert (after["id"], after["importPaths"]) == (before["id"], before["importPaths"])


def test_a_lost_state_is_made_again_of_what_is_there(bench: Bench, server: Server) -> None:
    """docs/backup.md: nothing is made twice, Immich is not restarted; what was found before the stack is forgotten."""
    before, libraries, records = bench.everything(), [one["id"] for one in server.libraries()], bench.account.records()
    bench.state_file.unlink()
    # The Job would have to be another one, and without the state it is not made again.
    bench.set(lambda s: s.update(adoptExisting=True))
    assert "`kubectl delete job -n photo-sync create-icloud-directory`, then run the command again" in refusals(bench)
    bench.reset_settings()
    run = bench.up()
    assert {operation for operation, _ in changed(run)} == {"create", "import"}
    assert bench.everything() == before
    assert [one["id"] for one in server.libraries()] == libraries
    assert bench.account.records() == records
    assert changed(bench.run("preview")) == []
    # Remembered as found is now what this stack had set.
    assert server.configuration()["library"] == OURS


def test_removal_does_not_hang_on_immich(bench: Bench) -> None:
    bench.delete(DEPLOYMENT)
    bench.destroy()
