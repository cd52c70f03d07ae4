"""Protection on the real engine: what `pulumi` by hand refuses, and what each way of removal leaves. In this order."""

import json
import os
import subprocess
from typing import Any

import pytest

from clients.kubernetes import Manifest
from engine import change_policy
from tests.rehearsal.conftest import CLAIM, PHOTO_SYNC, VOLUME, Bench, changed, without_photos

PHOTOS = True

PROTECTED = {
    "photo-sync-namespace",
    "photos-volume",
    "photos-claim",
    "sync-cookies-coulton",
    "library",
}


def test_up_protects_what_can_not_be_made_again(bench: Bench, found: dict[str, Manifest]) -> None:
    assert found
    bench.up()
    assert protected(bench) == PROTECTED


def test_up_without_a_judged_preview_deletes_nothing_protected(bench: Bench) -> None:
    bench.set(without_photos)
    run = bench.run("up")
    assert not run.succeeded
    assert protected(bench) == PROTECTED
    assert bench.get(PHOTO_SYNC)


def test_up_lifts_the_protection_of_what_its_preview_shows_and_the_change_policy_names(bench: Bench) -> None:
    preview = bench.run("preview")
    assert preview.succeeded, preview.errors
    lost = {finding.step.name for finding in change_policy.tripped(preview.steps)}
    assert lost == {"sync-cookies-coulton", "library"}
    assert {urn.rsplit("::", 1)[-1] for urn in preview.protected_removals} == lost

    run = bench.engine().run("up", lift=preview.protected_removals)
    assert run.succeeded, run.errors
    assert {("delete", "sync-cookies-coulton"), ("retain", "library")} <= set(changed(run))
    assert protected(bench) == PROTECTED - lost
    bench.reset_settings()
    bench.up()
    assert protected(bench) == PROTECTED


@pytest.mark.parametrize("preview", [["--skip-preview"], []])
def test_destroy_by_hand_keeps_what_is_protected(bench: Bench, preview: list[str]) -> None:
    assert destroy(bench, *preview) != 0
    assert protected(bench) == PROTECTED, "the state can still be read"
    for kept in (PHOTO_SYNC, VOLUME, CLAIM):
        assert bench.get(kept)
    bench.up()


def test_destroy_by_hand_as_the_readme_has_it_removes_all(bench: Bench, found: dict[str, Manifest]) -> None:
    assert destroy(bench, "--ignore-protect") == 0
    left = bench.everything()
    assert left.pop("ConfigMap immich/icloud-directory"), "by which the next `up` knows the disk"
    assert left == found


def protected(bench: Bench) -> set[str]:
    state: dict[str, Any] = json.loads(bench.pulumi("stack", "export", "--stack", bench.stack))
    resources = state["deployment"].get("resources", [])
    return {one["urn"].rsplit("::", 1)[-1] for one in resources if one.get("protect")}


def destroy(bench: Bench, *flags: str) -> int:
    words = ["destroy", "--yes", "--non-interactive", "--run-program=false", *flags, "--stack", bench.stack]
    with bench.engine().entered():
        return subprocess.run([bench.tools.pulumi, *words], env=os.environ, check=False, capture_output=True).returncode
