"""A cluster that 0.2 deployed to, brought to this version. In this order.

Its objects are those of the state that 0.2 wrote; the photo directory and its marker file are made by 0.2's own Job.
"""

import base64
import json
import shutil
from pathlib import Path

import pytest

from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from components.photo_disk import MARK
from settings.photo_sync import IMPORT_FOLDER
from tests.rehearsal.conftest import DEPLOYMENT, JOB, MIRROR, RECORD, Bench, MakeBench, changed, until

STATE = Path(__file__).with_name("state-of-0.2.json")
PHOTO = f"{IMPORT_FOLDER}/2026/01/01/IMG_0001.JPG"
RESTARTS = "Immich restarts once"


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    made = make_bench("found", photos=True)
    (made.home / "state").mkdir()
    made.pulumi("stack", "init", made.stack)
    shutil.copy(STATE, made.state_file)
    for manifest, manager in of_0_2():
        made.cluster.apply(manifest, manager, force=True)
        if manifest["kind"] == "Job":
            until(lambda: made.get(JOB)["status"].get("succeeded") == 1, "0.2's Job makes the directory")
    until(lambda: made.get(DEPLOYMENT)["status"].get("observedGeneration") == generation(made), "Immich has the mount")
    photo = directory(made) / PHOTO
    photo.parent.mkdir(parents=True)
    photo.write_text("photo")
    return made


def of_0_2() -> list[tuple[Manifest, str]]:
    """All that 0.2 applied in the cluster, in its order, and under which field manager."""
    found: list[tuple[Manifest, str]] = []
    for resource in json.loads(STATE.read_text())["checkpoint"]["latest"]["resources"]:
        inputs = resource.get("inputs", {})
        if resource["type"].startswith("kubernetes:"):
            manifest = {key: value for key, value in inputs.items() if not key.startswith("__")}
            if manifest["kind"] == "Secret":  # encrypted there
                manifest["data"] = dict.fromkeys(("appleId", "password"), base64.b64encode(b"x").decode())
            found.append((manifest, OBJECT_MANAGER))
        elif resource["type"].endswith("kubernetes:Fragment"):
            found.append((inputs["fragment"], inputs["manager"]))
    return found


def directory(bench: Bench) -> Path:
    return bench.home / "disk/var/mnt/icloud-photos"


def marker(bench: Bench) -> str:
    return (directory(bench) / MARK).read_text()


def generation(bench: Bench) -> int:
    return int(bench.get(DEPLOYMENT)["metadata"]["generation"])


def restarts(bench: Bench) -> list[Manifest]:
    """The Deployment's ReplicaSets, the newest last."""
    sets = bench.cluster.list(Ref("apps/v1", "ReplicaSet", "", "immich"))
    ours = [one for one in sets if one["metadata"]["name"].startswith("immich-server-")]
    return sorted(ours, key=lambda one: int(one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))


def test_the_world_is_one_of_0_2(bench: Bench) -> None:
    assert marker(bench).startswith("immich-icloud: ")
    assert "id: " not in marker(bench)
    assert bench.get(RECORD)["data"] == {"made": "true"}
    assert bench.cluster.get(MIRROR) is None
    (check,) = bench.pod()["initContainers"]
    assert "env" not in check


def test_preview_tells_of_the_restart_and_changes_nothing(bench: Bench) -> None:
    before = bench.everything(), marker(bench)
    run = bench.run("preview")
    assert run.succeeded, run.errors
    assert [RESTARTS in one.text for one in run.diagnostics].count(True) == 1
    assert ("replace", "directory-record") not in changed(run)
    assert (bench.everything(), marker(bench)) == before


def test_another_disk_is_not_marked_and_immich_runs_on(bench: Bench) -> None:
    """The disk is not mounted, and below its mount point is a directory that 0.2 marked, too."""
    at, away = directory(bench), directory(bench).with_name("away")
    of_before = marker(bench)
    at.rename(away)
    (at / IMPORT_FOLDER).mkdir(parents=True)
    (at / MARK).write_text(of_before)
    before = generation(bench)
    assert not bench.run("up").succeeded
    assert (generation(bench), marker(bench)) == (before, of_before)
    shutil.rmtree(at)
    away.rename(at)


def test_up_marks_the_disk_first_and_restarts_immich_once(bench: Bench) -> None:
    before = restarts(bench)
    bench.up()
    id_ = bench.get(MIRROR)["data"]["id"]
    assert bench.get(MIRROR)["data"] == {"id": id_, "marked": id_}
    assert bench.get(RECORD)["data"] == {"id": id_, "marked": id_, "made": "true"}
    assert marker(bench).endswith(f"\nid: {id_}\n")
    (check,) = bench.pod()["initContainers"]
    assert check["env"][0]["valueFrom"]["configMapKeyRef"] == {"name": MIRROR.name, "key": "id"}
    (restart,) = restarts(bench)[len(before) :]
    mirrored, marked = bench.get(MIRROR)["metadata"]["creationTimestamp"], bench.get(JOB)["status"]["completionTime"]
    assert mirrored <= marked <= restart["metadata"]["creationTimestamp"]
    assert (directory(bench) / PHOTO).read_text() == "photo"


def test_second_up_reports_no_changes(bench: Bench) -> None:
    run = bench.up()
    assert changed(run) == []
    assert not any(RESTARTS in one.text for one in run.diagnostics)
