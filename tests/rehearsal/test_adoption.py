"""Adopting what iteration 6 made by hand: run on, remove, adopt again. In this order."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from clients.kubernetes import Manifest, Ref
from tests.rehearsal.conftest import (
    CLAIM,
    DEPLOYMENT,
    IMMICH,
    INGRESS,
    JOB,
    MIRROR,
    PHOTO_SYNC,
    RECORD,
    VOLUME,
    Bench,
    MakeBench,
    changed,
)
from tests.rehearsal.immich import Server

TRACKING = "argocd.argoproj.io/tracking-id"
KEPT = (PHOTO_SYNC, VOLUME, CLAIM, INGRESS)
# Resources of which a state of 0.2 has each in a component of its own; of that the mark's name was route-mark.
WERE_IN = {
    "photo-sync-labels": "FoundNamespace",
    "immich-labels": "FoundNamespace",
    "immich-mount-policy-policy": "MountPolicy",
    "immich-mount-fragment": "ImmichMount",
    "immich-mount-policy-binding-binding": "MountPolicyBinding",
    "route-ingress": "ImmichRoute",
    "route-ingress-mark": "ImmichRoute",
}


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Bench:
    return make_bench("iteration6", photos=True)


@pytest.fixture(scope="module")
def found(bench: Bench) -> dict[Ref, Manifest]:
    return {ref: bench.get(ref) for ref in (*KEPT, JOB, DEPLOYMENT, IMMICH)}


def ours(live: Manifest) -> list[str]:
    annotations = live["metadata"].get("annotations", {})
    return [key for key in annotations if key.startswith(("immich-icloud/", "pulumi.com/"))]


def test_nothing_is_adopted_without_a_request(bench: Bench, found: dict[Ref, Manifest]) -> None:
    assert found
    bench.set(lambda s: s.pop("adoptExisting"))
    run = bench.run("preview")
    (error,) = run.errors
    for ref in KEPT:
        assert f"{ref} exists and is not managed by this stack" in error
    assert "Deployment immich/immich-server: volumes[icloud-import], " in error
    assert 'was set by hand ("kubectl-patch")' in error
    bench.reset_settings()


def test_what_argocd_tracks_is_refused_with_the_handover(bench: Bench) -> None:
    bench.cluster.patch(INGRESS, {"metadata": {"annotations": {TRACKING: "immich:x"}}}, "argocd-controller")
    (error,) = bench.run("preview").errors
    assert "Ingress immich/immich-ingress is tracked by ArgoCD" in error
    assert error.index("Prune=false") < error.index("out of git") < error.index("adoptExisting")
    bench.cluster.patch(INGRESS, {"metadata": {"annotations": {TRACKING: None}}}, "argocd-controller")


def test_adoption_keeps_every_object(bench: Bench, found: dict[Ref, Manifest]) -> None:
    run = bench.up()
    for ref in KEPT:
        assert bench.get(ref)["metadata"]["uid"] == found[ref]["metadata"]["uid"]
        assert f"{ref} will be adopted, and retained when this stack is removed" in run.warnings
    assert any(
        "these fields will be adopted, and removed with this stack: Deployment immich/immich-server" in w
        for w in run.warnings
    )


def test_the_job_made_by_hand_stays_beside_ours(bench: Bench, found: dict[Ref, Manifest]) -> None:
    assert bench.get(JOB)["metadata"]["uid"] == found[JOB]["metadata"]["uid"]
    assert ours(bench.get(JOB)) == []
    jobs = [job["metadata"]["name"] for job in bench.cluster.list(JOB)]
    assert len([name for name in jobs if name.startswith("create-icloud-directory-")]) == 1


def test_the_directory_found_is_marked(bench: Bench) -> None:
    (job,) = (job for job in bench.cluster.list(JOB) if job["metadata"]["name"] != JOB.name)
    environment = {e["name"]: e.get("value") for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["ADOPT"] == "true"


def test_the_volume_gains_its_node(bench: Bench) -> None:
    (term,) = bench.get(VOLUME)["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["talos-1ca-62z"]


def test_our_entries_are_no_longer_kubectls(bench: Bench) -> None:
    for ref in (DEPLOYMENT, IMMICH):
        holders = {e["manager"] for e in bench.get(ref)["metadata"]["managedFields"] if "icloud-import" in str(e)}
        assert holders <= {"immich-icloud/adoption"}


def put_into_components(state_file: Path) -> None:
    """Give a state the components that held one resource each."""
    state = state_file.read_text()
    resources = json.loads(state)["checkpoint"]["latest"]["resources"]
    (stack,) = (one["urn"] for one in resources if one["type"] == "immich-icloud:index:PhotoStack")
    path = stack.rpartition("::")[0]
    components: dict[str, str] = {}
    for one in resources:
        kind, former = one["type"], one["urn"].rpartition("::")[2]
        if former in WERE_IN:
            of = f"{path}$immich-icloud:index:{WERE_IN[former]}"
            components[f"{of}${kind}::{former.replace('route-ingress-mark', 'route-mark')}"] = f"{of}::of-{former}"
            state = state.replace(f'"{one["urn"]}"', f'"{[*components][-1]}"')
    assert len(components) == len(WERE_IN)
    deployment = json.loads(state)
    resources = deployment["checkpoint"]["latest"]["resources"]
    for child, component in components.items():
        place, one = next((place, one) for place, one in enumerate(resources) if one["urn"] == child)
        one["parent"] = component
        kind = component.rpartition("::")[0].rpartition("$")[2]
        resources.insert(place, {"urn": component, "custom": False, "type": kind, "parent": stack})
    state_file.write_text(json.dumps(deployment))


def test_objects_in_components_of_their_own_stay_as_they_are_and_the_setting_can_go(bench: Bench) -> None:
    generation = bench.get(DEPLOYMENT)["metadata"]["generation"]
    put_into_components(bench.state_file)
    run = bench.up()
    assert changed(run) == []
    gone = [step.type for step in run.steps if step.operation == "delete"]
    assert sorted(gone) == sorted(f"immich-icloud:index:{component}" for component in WERE_IN.values())
    assert ours(bench.get(INGRESS)) != []
    assert any("adoptExisting has nothing left to adopt. Remove it" in warning for warning in run.warnings)
    bench.set(lambda s: s.pop("adoptExisting"))
    run = bench.up()
    # Only the Job, whose template said that a directory without its mark may be marked.
    assert {name for _, name in changed(run)} == {"directory-job"}
    assert bench.get(DEPLOYMENT)["metadata"]["generation"] == generation


def of_the_stack(bench: Bench) -> dict[Ref, tuple[str, int]]:
    """What it has in the cluster and in Immich: each object's uid, and how often its content changed."""
    jobs = (Ref.of(job) for job in bench.cluster.list(JOB))
    live = map(bench.get, (*KEPT, *jobs, RECORD, MIRROR, DEPLOYMENT, IMMICH))
    return {Ref.of(one): (one["metadata"]["uid"], one["metadata"].get("generation", 0)) for one in live}


def names_in(bench: Bench) -> set[str]:
    """The stacks by whose names the cluster knows what is there."""
    live = [bench.get(ref) for ref in of_the_stack(bench)]
    marks = {one["metadata"].get("annotations", {}).get("immich-icloud/stack") for one in live}
    managers = {entry["manager"] for one in live for entry in one["metadata"]["managedFields"]}
    leases = bench.cluster.list(Ref("coordination.k8s.io/v1", "Lease", ""))
    noted = {
        stack
        for lease in leases
        for key, notes in lease["metadata"].get("annotations", {}).items()
        if key.startswith("immich-icloud/")
        for stack in json.loads(notes)
    }
    return (marks | noted | {one for one in managers if "/" in one}) - {None}


def in_immich(bench: Bench) -> list[Any]:
    """Its libraries, and the server-wide settings."""
    server = Server(bench.immich)
    return [server.configuration(), *((one["id"], one["importPaths"]) for one in server.libraries())]


def test_a_stack_that_is_renamed_goes_on(bench: Bench) -> None:
    before, immich, stack = of_the_stack(bench), in_immich(bench), bench.stack
    bench.pulumi("stack", "rename", "--stack", stack, "renamed")
    bench.stack = "renamed"
    run = bench.up()
    assert {operation for operation, _ in changed(run)} == {"update"}
    assert (of_the_stack(bench), names_in(bench)) == (before, {"immich-icloud/renamed"})
    assert in_immich(bench) == immich
    assert changed(bench.up()) == []


def test_with_its_state_lost_nothing_is_adopted_but_from_the_stack_that_is_named(bench: Bench) -> None:
    before, immich = of_the_stack(bench), in_immich(bench)
    bench.state_file.unlink()
    lost, bench.stack = bench.stack_file, "adoption"
    lost.rename(bench.stack_file)
    (error,) = bench.run("preview").errors
    assert "Ingress immich/immich-ingress belongs to the stack immich-icloud/renamed" in error
    bench.set(lambda s: s.update(adoptExisting={"from": "immich-icloud/renamed"}))
    run = bench.up()
    assert not {operation for operation, _ in changed(run)} - {"create", "import", "update"}
    assert (of_the_stack(bench), names_in(bench)) == (before, {"immich-icloud/adoption"})
    assert in_immich(bench) == immich
    bench.set(lambda s: s.pop("adoptExisting"))
    assert changed(bench.up()) == []


def test_removal_keeps_the_objects_and_takes_our_entries(bench: Bench, found: dict[Ref, Manifest]) -> None:
    bench.destroy()
    for ref in KEPT:
        live = bench.get(ref)
        assert live["metadata"]["uid"] == found[ref]["metadata"]["uid"]
        assert ours(live) == []
    assert bench.get(INGRESS)["spec"] == found[INGRESS]["spec"]
    assert not any("pod-security" in label for label in bench.get(IMMICH)["metadata"]["labels"])
    pod = bench.pod()
    assert "icloud-import" not in str(pod)
    assert "initContainers" not in pod


def test_it_can_be_adopted_again(bench: Bench, found: dict[Ref, Manifest]) -> None:
    bench.reset_settings()
    bench.up()
    for ref in KEPT:
        assert bench.get(ref)["metadata"]["uid"] == found[ref]["metadata"]["uid"]


def test_both_stack_files_of_the_lab_differ_only_in_the_adoption(bench: Bench) -> None:
    def config(name: str) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((bench.project / name).read_text())["config"]
        return config

    from lab.engine import SOURCE  # noqa: PLC0415

    lab = yaml.safe_load((SOURCE / "Pulumi.lab.yaml").read_text())["config"]
    assert config("Pulumi.adoption.yaml") == lab | {"immich-icloud:adoptExisting": True}
