"""The commands that a person runs: on real CLI, engine and API server, and on stand-ins of node and Apple."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from clients.kubernetes import Ref
from components.photo_disk import MARK
from lab import toolchain
from lab.apple.world import CODE
from lab.cloudflare.world import TOKEN
from lab.engine import SOURCE
from lab.immich.world import API_KEY
from lab.recipes import RCLONE
from ops.pictures import DIAGRAM, RECORDED
from settings.photo_sync import IMPORT_FOLDER
from tests.icloudpd_stand_in import ASKS_CODE
from tests.rehearsal.conftest import Bench, MakeBench, until

PATH = "/var/mnt/icloud-photos"
PASSWORD = "rehearsal-opens-nothing-real"  # noqa: S105 (as in the lab's stack file)
SECRETS = (PASSWORD, API_KEY, TOKEN)
CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-coulton", "photo-sync")
NOT_SIGNED_IN = (
    "error: account coulton has no valid session at Apple. Sign in, with the code that Apple sends to its devices: "
    "make icloud-login STACK=lab ACCOUNT=coulton\n"
)

REFUSED = (
    "error: account coulton is not signed in: see the client's output above. Try again: "
    "make icloud-login STACK=lab ACCOUNT=coulton\n"
)


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    """The stack with its account, as `make up` leaves it."""
    made = make_bench("found", photos=True)
    made.up()
    (made.home / "rehearsal.json").write_text(json.dumps({"world": "found"}))
    return made


def start(bench: Bench, name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lab", "exec", "--", "python", "-m", f"ops.{name}", "{stack}", *arguments],
        cwd=bench.project,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(bench: Bench, name: str, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    """The exit code of a command, what it said, and its error."""
    started = start(bench, name, *arguments)
    out, error = started.communicate(typed, timeout=120)
    assert [secret for secret in SECRETS if secret in out + error] == []
    return started.returncode, out, error


def on_disk(bench: Bench, path: str) -> Path:
    return bench.home / "disk" / path.lstrip("/")


def await_end_of(bench: Bench, prefix: str) -> None:
    """Wait until no pod of the name is left."""

    def gone() -> bool:
        pods = bench.cluster.list(Ref("v1", "Pod", "", "photo-sync"))
        return not any(pod["metadata"]["name"].startswith(prefix) for pod in pods)

    until(gone, f"no pod of {prefix} is left")


def test_from_signing_in_to_photos(bench: Bench) -> None:
    assert run(bench, "sync_now")[::2] == (1, NOT_SIGNED_IN)

    code, out, error = run(bench, "icloud_login", typed="000000\n")
    assert (code, error) == (1, REFUSED)
    assert run(bench, "sync_now")[::2] == (1, NOT_SIGNED_IN)

    code, out, error = run(bench, "icloud_login", typed=f"{CODE}\n")
    assert (code, error) == (0, "")
    assert ASKS_CODE in out
    assert out.endswith("Account coulton is signed in.\n")

    code, out, error = run(bench, "sync_now", "coulton")
    assert (code, error) == (0, "")
    lines = out.splitlines()
    assert "The sync of account coulton is complete." in lines
    assert lines[-1] == 'The library "iCloud Photos" has the 4 photos and 0 videos on the disk, by number.'
    assert sum("Downloaded icloud-import/2026/" in line for line in lines) == 4
    assert any(line.startswith("coulton: 4 fetched, ") for line in lines)
    assert any(line.startswith("the session of account coulton is valid until about ") for line in lines)
    assert len(list(on_disk(bench, f"{PATH}/{IMPORT_FOLDER}").rglob("*.JPG"))) == 4
    await_end_of(bench, "icloud-login-")
    assert not bench.plain_text(*SECRETS)
    # By which the next `up` knows that it needs no sign-in for a first sync.
    until(lambda: "lastSuccessfulTime" in bench.get(CRON_JOB)["status"], "its CronJob knows of the sync by hand")


def test_ctrl_c_leaves_nothing_running(bench: Bench) -> None:
    started = start(bench, "icloud_login")
    assert started.stdout
    said = ""
    while ASKS_CODE not in said:
        said += os.read(started.stdout.fileno(), 4096).decode()
    started.send_signal(signal.SIGINT)
    out, error = started.communicate(timeout=60)
    assert (started.returncode, error) == (130, "")
    assert out.endswith("Interrupted.\n")
    await_end_of(bench, "icloud-login-")
    jobs = bench.cluster.list(Ref("batch/v1", "Job", "", "photo-sync"))
    assert not [job for job in jobs if job["metadata"]["name"].startswith("icloud-login-")]


def test_a_disk_is_marked_by_who_types_its_path(bench: Bench) -> None:
    mark = on_disk(bench, PATH) / MARK
    code, out, error = run(bench, "mark_disk")
    assert (code, error) == (0, "")
    assert f"{PATH} is marked as the photo disk already" in out

    mark.unlink()
    code, out, error = run(bench, "mark_disk", typed="yes\n")
    assert (code, error) == (1, f"error: that is not {PATH}: nothing was marked\n")
    assert "  Folders: 1, beginning with: icloud-import\n" in out
    assert not mark.exists()

    code, out, error = run(bench, "mark_disk", typed=f"{PATH}\n")
    assert (code, error) == (0, "")
    assert mark.exists()


def test_an_unknown_account(bench: Bench) -> None:
    assert run(bench, "sync_now", "ben")[::2] == (
        1,
        "error: ACCOUNT=ben is not known. Accounts of STACK=lab: coulton\n",
    )


def test_the_picture_of_the_stack_is_the_one_in_the_docs(bench: Bench) -> None:
    code, out, error = run(bench, "diagram", "--svg", "--verify", str(RECORDED))
    assert (code, error) == (0, "")
    assert out == DIAGRAM.read_text()


def test_another_client_fetches_the_same_photos(bench: Bench) -> None:
    """By rclone, into a second account's folder: what Immich then has is what icloudpd fetched, twice."""

    def with_rclone(settings: dict[str, Any]) -> None:
        settings["photoSync"]["accounts"].append({"name": "ben", "client": "rclone"})
        settings["icloudCredentials"]["ben"] = settings["icloudCredentials"]["coulton"]

    toolchain.find([RCLONE], Console(stderr=True))  # else the pod builds it, in the time that a sign-in has to begin
    bench.set(with_rclone)
    bench.up()
    assert run(bench, "icloud_login", "ben", typed=f"{CODE}\n")[::2] == (0, "")
    code, out, error = run(bench, "sync_now", "ben")
    assert (code, error) == (0, "")
    assert out.splitlines()[-1] == 'The library "iCloud Photos" has the 8 photos and 0 videos on the disk, by number.'
    first, second = (
        sorted(photo.read_bytes() for photo in on_disk(bench, f"{PATH}/{folder}").rglob("*.JPG"))
        for folder in (IMPORT_FOLDER, f"{IMPORT_FOLDER}-ben")
    )
    assert len(second) == 4
    assert second == first
    assert not bench.plain_text(*SECRETS)
