"""The commands as `make` runs them: interrupted in the middle, they recover, and leave no process behind."""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from lab import processes
from lab.cluster import connect
from lab.engine import SOURCE
from lab.toolchain import Tools
from tests.rehearsal.commands import LIMIT, Commands
from tests.rehearsal.conftest import until


@pytest.fixture(scope="module")
def commands(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    del tools  # have been built
    made = Commands(tmp_path_factory.mktemp("project"))
    yield made
    processes.end(made.project / ".lab")


def test_killed_half_way_is_completed_by_the_next(commands: Commands) -> None:
    first = commands.start("up")
    commands.until(first, "up ──")
    commands.until(first, "directory-job")
    engines = [marked.process for marked in processes.find(commands.project / ".lab") if marked.name == "engine"]
    first.kill()
    for engine in engines:
        engine.kill()
    first.wait(LIMIT)

    status, output = commands.run("up")
    assert status == 0, output
    assert "An earlier run was interrupted; its leftovers are cleared." in output
    assert "immich_url: https://immich.coultonf.com" in output
    assert commands.left("engine") == []


def test_two_at_once(commands: Commands) -> None:
    with (commands.project / ".lab" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, output = commands.run("up")
    assert status == 1
    assert "another `make` is at work on this rehearsal" in output


def test_ctrl_c_ends_the_engine_and_keeps_the_cluster(commands: Commands) -> None:
    process = commands.start("preview")
    commands.until(process, "preview ──")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, output
    assert output.endswith("Interrupted. `make up` continues from here, `make down` removes everything.\n")
    assert "Traceback" not in output
    assert commands.left("engine") == []
    assert "kube-apiserver" in commands.left()


def test_an_up_that_would_change_nothing_ends_with_its_preview(commands: Commands) -> None:
    state = commands.home / "state/.pulumi/stacks/immich-icloud/lab.json"
    before = state.read_bytes()
    status, output = commands.run("up")
    assert status == 0, output
    assert output.count("ok: 0 changes") == 1
    assert "immich_url: https://immich.coultonf.com" in output
    assert state.read_bytes() == before


def test_a_claim_that_a_removal_deleted_alone_gets_its_volume_again(commands: Commands) -> None:
    with connect(commands.home / "kubeconfig") as api:
        core = client.CoreV1Api(api)

        def claims() -> list[str]:
            return [one.metadata.name for one in core.list_namespaced_persistent_volume_claim("photo-sync").items]

        core.delete_namespaced_persistent_volume_claim("icloud-photos", "photo-sync")
        until(lambda: "icloud-photos" not in claims(), "the claim is gone")
        status, output = commands.run("up")
        assert status == 0, output
        assert "PersistentVolume icloud-photos-shared was tied to a claim that was deleted. It is untied" in output
        assert "icloud-photos" in claims()


def test_another_world_wants_the_first_one_down(commands: Commands) -> None:
    status, output = commands.run("up", "--world", "iteration6")
    assert status == 1
    assert "the rehearsal runs WORLD=found. `make down` first, then `make up WORLD=iteration6`" in output
    status, output = commands.run("up", "--world", "iteration7")
    assert status == 1
    assert "WORLD=iteration7 is not known. Allowed: found, iteration6, iteration6-argocd" in output


def test_up_repairs_whatever_a_kill_left_unreadable(commands: Commands) -> None:
    home = commands.project / ".lab"
    stacks = home / "state/.pulumi/stacks/immich-icloud"
    (stacks / "lab.json.attrs").touch()
    (stacks / "lab.json").write_text((stacks / "lab.json").read_text()[:1000])
    locks = home / "state/.pulumi/locks/organization/immich-icloud/lab"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / "0d3f.json").touch()
    for file in (home / "state/.pulumi/meta.yaml", home / "rehearsal.json", home / "kubeconfig"):
        file.write_text("")

    status, output = commands.run("status")
    assert status == 0, output
    status, output = commands.run("up")
    assert status == 0, output
    assert "ok: 0 changes" in output
    status, output = commands.run("status")
    assert status == 0
    assert "World: found" in output
    assert "Control plane: running" in output
    assert "https://immich.coultonf.com" in output


@pytest.mark.parametrize(
    ("version", "told"),
    [
        # Of that time are neither the sync nor Cloudflare nor Immich: what is there by now is found again by its marks,
        # and the record at Cloudflare is imported. Its Job made the directory without an owner.
        ("0.1", "create 12, import 1, replace 1, create-replacement 1, delete-replaced 1"),
        # Its Jobs of the disk were on the network.
        # Of another Immich, whose library is not here; its record at Cloudflare was lost from it.
        ("0.2", "create 6, import 1, update 1, replace 1, create-replacement 1, delete-replaced 1"),
    ],
)
def test_an_old_state_still_loads(commands: Commands, version: str, told: str) -> None:
    """A state names modules of `providers` and their classes: one that an earlier version wrote goes on working."""
    state = commands.project / ".lab/state/.pulumi/stacks/immich-icloud/lab.json"
    shutil.copy(Path(__file__).with_name(f"state-of-{version}.json"), state)
    status, output = commands.run("up")
    assert status == 0, output
    assert output.count(f"ok: {told}") == 2, output


def test_the_stack_files_are_as_they_were(commands: Commands) -> None:
    for name in ("Pulumi.yaml", "Pulumi.lab.yaml"):
        assert (commands.project / name).read_text() == (SOURCE / name).read_text()


def test_down_leaves_nothing_though_no_state_is_readable(commands: Commands) -> None:
    for file in commands.project.glob(".lab/state/.pulumi/stacks/immich-icloud/lab.json*"):
        file.write_text("")
    status, output = commands.run("down")
    assert status == 0, output
    assert commands.left() == []
    assert not (commands.project / ".lab").exists()
    assert commands.run("down") == (0, "Nothing is left of the rehearsal.\n")
