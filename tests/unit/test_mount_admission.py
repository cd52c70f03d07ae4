"""The mount at admission: what the policy is about, what it makes of a pod, and what preview says."""

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from components.immich_mount import lacking
from components.mount_admission import admitted, names, stamp
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from observe.cluster import ClusterSeen
from preflight import mount_rules, policy_rules
from preflight.dry_runs import Answers
from providers.mount_at_admission import STAMP, AdmittedMount, MountAtAdmissionProvider
from tests.fake_cluster import FakeCluster
from tests.objects import SERVERS, STACK, deployment, manifest, namespace
from tests.unit.configured import configured
from tests.unit.recording import deployed

SEEN = ClusterSeen(namespace(), (deployment(),), (), None, None, mutating=True)
SETTINGS = configured(immich={"mount": "admission"})


def planned(**mount: Any) -> Plan:
    settings = configured(immich={"mount": {"kind": "admission", **mount}})
    return plan(settings, Found(SERVERS), Ownership(STACK))


def expression(ours: Plan) -> str:
    assert ours.mount_admission
    return str(ours.mount_admission[0].manifest["spec"]["mutations"][0]["jsonPatch"]["expression"])


def workload(**pod: Any) -> Manifest:
    live = deployment()
    live["spec"]["template"]["spec"] |= pod
    return live


def said(live: Manifest, answers: Answers, ours: Plan | None = None) -> list[str]:
    seen = replace(SEEN, workloads=(live,))
    return [one.code for one in mount_rules.findings(SETTINGS, seen, ours or planned(), answers)]


def test_nothing_of_the_deployment_is_stated_and_the_guard_comes_after_the_mount() -> None:
    stack = deployed(SETTINGS, Found(SERVERS))
    mount, denies = stack.one("MountAtAdmission"), stack.one("ValidatingAdmissionPolicy")
    assert [one["kind"] for one in mount.inputs["objects"]] == [ref.kind for ref in names(SETTINGS.immich)]
    assert not any(one.inputs["fragment"]["kind"] == "Deployment" for one in stack.all("Fragment"))
    assert stack.comes_after(denies, mount)
    assert mount.inputs["policy"]["spec"] == denies.inputs["spec"]


@pytest.mark.parametrize(
    "pod",
    [deployment()["spec"]["template"]["spec"], {"containers": [{"name": "immich-server"}]}],
    ids=["found", "bare"],
)
def test_a_pod_has_what_the_stack_demands(pod: Manifest) -> None:
    mount = planned().mounts[0]
    assert list(lacking(mount, pod)) != []
    assert list(lacking(mount, admitted(pod, mount))) == []
    assert admitted(admitted(pod, mount), mount) == admitted(pod, mount)


def test_a_pod_keeps_what_its_owner_gives_it() -> None:
    pod = deployment()["spec"]["template"]["spec"]
    (server,), sidecar = pod["containers"], {"name": "gluetun"}
    (kept, *_), *others = (
        one.get("volumeMounts")
        for one in admitted(pod | {"containers": [server, sidecar]}, planned().mounts[0])["containers"]
    )
    assert (kept, others) == (server["volumeMounts"][0], [None])


@pytest.mark.parametrize("part", ["volumes", "initContainers", "containers"])
def test_each_mount_has_a_stamp_of_its_own(part: str) -> None:
    here, there = planned(), planned(volume="photos")
    changed = deepcopy(here.mounts[0])
    changed["spec"]["template"]["spec"][part] = there.mounts[0]["spec"]["template"]["spec"][part]
    assert stamp(here.mounts[0]) in expression(here)
    assert stamp(changed) != stamp(here.mounts[0])


@pytest.mark.parametrize(
    ("live", "code"),
    [
        (workload(volumes=[{"name": "icloud-import", "emptyDir": {}}]), "mount-in-the-way"),
        (workload(initContainers=[{"name": "require-photo-disk", "image": "busybox"}]), "mount-in-the-way"),
        (workload(), "immich-restarts"),
    ],
    ids=["another volume of the name", "another check of the name", "nothing"],
)
def test_what_preview_says_of_the_template(live: Manifest, code: str) -> None:
    assert code in said(live, Answers())


def test_an_immich_that_has_it_is_not_said_to_restart() -> None:
    ours = planned()
    assert ours.mount_admission
    in_force = {one.ref: one.manifest for one in ours.mount_admission}
    assert said(workload(), Answers(in_force), ours) == []


@pytest.mark.parametrize(("mutating", "codes"), [(True, []), (False, ["admission-missing"])])
def test_it_takes_an_api_server_that_has_it(codes: list[str], *, mutating: bool) -> None:
    assert [one.code for one in policy_rules.findings(replace(SEEN, mutating=mutating), planned(), Answers())] == codes


@pytest.mark.parametrize("kind", ["entries", "chart"])
def test_other_kinds_have_no_such_policy(kind: str) -> None:
    settings = configured(immich={"mount": kind})
    assert list(names(settings.immich)) == []
    assert plan(settings, Found(SERVERS), Ownership(STACK)).mount_admission is None


@pytest.mark.parametrize("selector", [{"matchLabels": {"app": "immich"}}, {"matchExpressions": []}])
def test_pods_of_others_that_the_selector_takes_too_do_not_restart_immich(
    selector: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server's Deployment selects by a label that machine learning has, too."""
    ours, cluster, live = planned(), FakeCluster(), workload()
    live["spec"]["selector"] = selector
    live["metadata"]["uid"] = "immich"
    mount, objects = ours.mounts[0], [one.manifest for one in ours.mount_admission or ()]
    sets = [owned("ReplicaSet", "server", "immich"), owned("ReplicaSet", "learning", "machine-learning")]
    pods = [owned("Pod", "renamed", "server", {STAMP: stamp(mount)}), owned("Pod", "other", "learning")]
    cluster.objects = {Ref.of(one): one for one in (live, *objects, *sets, *pods)}
    monkeypatch.setattr(MountAtAdmissionProvider, "_api", lambda _: cluster)
    inputs = asdict(AdmittedMount(objects, stamp(mount), [mount]))
    assert MountAtAdmissionProvider().diff("", inputs, inputs).changes is False
    cluster.objects[Ref.of(pods[0])] = owned("Pod", "renamed", "server")
    assert MountAtAdmissionProvider().diff("", inputs, inputs).changes is True


@pytest.mark.parametrize(
    ("strategy", "phase", "missing", "changes"),
    [
        ("RollingUpdate", "Running", 0, True),
        ("RollingUpdate", "Succeeded", 0, False),
        ("OnDelete", "Running", 0, False),
        ("OnDelete", "Running", 1, True),
    ],
    ids=["running", "ended", "replaced by its owner", "no policy"],
)
def test_pods_without_the_mount_restart_where_they_run_and_may(
    strategy: str, phase: str, missing: int, monkeypatch: pytest.MonkeyPatch, *, changes: bool
) -> None:
    ours, cluster, live = planned(), FakeCluster(), workload() | {"kind": "StatefulSet"}
    live["spec"] |= {"selector": {"matchLabels": {"app": "immich"}}, "updateStrategy": {"type": strategy}}
    live["metadata"]["uid"] = "immich"
    mount, objects = ours.mounts[0] | {"kind": "StatefulSet"}, [one.manifest for one in ours.mount_admission or ()]
    pod = owned("Pod", "old", "immich") | {"status": {"phase": phase}}
    cluster.objects = {Ref.of(one): one for one in (live, *objects[missing:], pod)}
    monkeypatch.setattr(MountAtAdmissionProvider, "_api", lambda _: cluster)
    inputs = asdict(AdmittedMount(objects, stamp(mount), [mount]))
    assert MountAtAdmissionProvider().diff("", inputs, inputs).changes is changes


@pytest.mark.parametrize("mounted", [True, False])
def test_removal_spares_a_claim_that_only_pods_with_the_mount_keep(
    monkeypatch: pytest.MonkeyPatch, *, mounted: bool
) -> None:
    ours, cluster = planned(), FakeCluster()
    live = workload()
    live["spec"]["selector"], live["metadata"]["uid"] = {"matchLabels": {"app": "immich"}}, "immich"
    mount, objects = ours.mounts[0], [one.manifest for one in ours.mount_admission or ()]
    pod = owned("Pod", "server", "server", {STAMP: stamp(mount)} if mounted else {})
    going = {"name": "immich-library", "namespace": "immich", "deletionTimestamp": "2026-11-27T08:00:00Z"}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": going}
    cluster.objects = {
        Ref.of(one): one for one in (live, *objects, owned("ReplicaSet", "server", "immich"), pod, claim)
    }
    monkeypatch.setattr(MountAtAdmissionProvider, "_api", lambda _: cluster)
    with pytest.raises(RuntimeError, match="immich-library is being deleted") if mounted else nullcontext():
        MountAtAdmissionProvider().delete("", asdict(AdmittedMount(objects, stamp(mount), [mount])))
    assert (Ref.of(objects[0]) in cluster.objects) is mounted


def owned(kind: str, name: str, owner: str, annotations: Manifest | None = None) -> Manifest:
    """A ReplicaSet, or a pod with one container of its name, of an owner's uid."""
    labels = {"app": "immich"}
    by = {"uid": name, "labels": labels, "annotations": annotations or {}, "ownerReferences": [{"uid": owner}]}
    version = "v1" if kind == "Pod" else "apps/v1"
    return manifest(version, kind, name, "immich", metadata=by, spec={"containers": [{"name": name}]})
