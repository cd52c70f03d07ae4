"""The photos' mount: what stands in its place, and how it passes from this stack to Immich's chart and back."""

import contextvars
from copy import deepcopy
from dataclasses import replace

import pulumi
import pytest

import preflight
from clients.claim import FragmentDryRun, Remainder
from clients.kubernetes import Manifest, Ref
from clients.wording import OBJECT_MISSING
from components.immich_mount import lacking
from components.ownership import ADOPTED_MARK, Ownership
from components.plan import Found, Plan, plan
from observe.cluster import ClusterSeen
from observe.state import Known
from preflight import PreflightError, mount_rules, removal_rules, wording
from preflight.dry_runs import Answers
from settings import Settings, load_connections
from tests.fake_cluster import FakeCluster
from tests.findings import Told, told
from tests.objects import ARGOCD, BY_HAND, SERVERS, STACK, deployment, in_pod, managed, namespace
from tests.stack_files import as_text
from tests.unit.configured import ON_HOST, configured
from text.finding import Finding, Severity
from text.resource_types import CLAIM, JOB, LIBRARY

WHERE = "Deployment immich/immich-server"
CLUSTER = ClusterSeen(namespace(), (deployment(),), (), None, None)
TWICE = f'{WHERE}: "{ARGOCD}" states volumes[icloud-import], too'


def planned(mount: str = "chart", *, library: bool = False) -> Plan:
    found = plan(configured(immich={"mount": mount}), Found(SERVERS), Ownership(STACK))
    if not library:
        return found
    key = {"immichApiKey": "key"}
    shown = configured(immich={"mount": mount}).model_dump(by_alias=True, exclude_unset=True) | key
    return plan(Settings.model_validate(shown), Found(SERVERS), Ownership(STACK))


def mounted(manager: str = "") -> Manifest:
    """Immich as the values make it, by whom."""
    live, ours = deployment(), planned().mounts[0]["spec"]["template"]["spec"]
    pod = live["spec"]["template"]["spec"]
    pod["volumes"] += deepcopy(ours["volumes"])
    pod["initContainers"] = deepcopy(ours["initContainers"])
    pod["containers"][0]["volumeMounts"] += ours["containers"][0]["volumeMounts"]
    if manager:
        fields: Manifest = {"f:volumes": {'k:{"name":"icloud-import"}': {"f:name": {}}}}
        live["metadata"]["managedFields"].append(managed(manager, in_pod(fields)))
    return live


def answers(remainder: Remainder) -> Answers:
    return Answers(remainders={Ref.of(remainder.live): remainder})


def with_old_guard() -> Manifest:
    live = mounted()
    live["spec"]["template"]["spec"]["initContainers"][0]["image"] = "busybox:1.36"
    return live


def from_a_mirror() -> Manifest:
    live = mounted()
    check = live["spec"]["template"]["spec"]["initContainers"][0]
    check["image"] = f"registry.lan:5000/library/{check['image'].rpartition('/')[2]}"
    return live


def found(plan: Plan, answers: Answers) -> list[Finding]:
    return list(mount_rules.findings(configured(), CLUSTER, plan, answers))


# what stands in its place


def in_place(settings: Settings, volume: Manifest, mount: Manifest) -> list[Told]:
    immich = deployment()
    pod = immich["spec"]["template"]["spec"]
    pod["volumes"].append(volume)
    pod["containers"][0]["volumeMounts"] += [mount, {"name": "own", "mountPath": "/cache", "subPath": "thumbs"}]
    pod["containers"].append({"name": "vpn", "volumeMounts": [{"name": "own", "mountPath": "/external"}]})
    seen = replace(CLUSTER, workloads=(immich,))
    ours = plan(settings, Found(SERVERS), Ownership(STACK, adopting=settings.adopt_existing))
    return told(mount_rules.findings(settings, seen, ours, Answers()))


CSI: Manifest = {"kind": "csi", "driver": "x", "volumeHandle": "a", "immichVolumeHandle": "b"}
OLD: Manifest = {"name": "icloud-import", "hostPath": {"path": "/mnt/old"}}


@pytest.mark.parametrize(
    ("keys", "volume", "mount", "codes"),
    [
        ({}, OLD, {"subPath": "photos"}, ["mount-repointed", "mount-of-a-part"]),
        ({}, OLD | {"name": "other"}, {"name": "other"}, []),
        ({}, OLD | {"hostPath": {"path": ON_HOST["path"]}}, {}, []),
        ({}, OLD | {"hostPath": {"path": ON_HOST["path"]}}, {"subPathExpr": "$(POD_NAME)"}, ["mount-of-a-part"]),
        ({}, {"name": "icloud-import", "emptyDir": {}}, {}, []),
        ({"storage": CSI}, OLD, {}, []),
        ({}, OLD | {"name": "other"}, {"name": "other", "mountPath": "/external"}, ["mount-within-another"]),
        ({}, OLD | {"name": "other"}, {"name": "other", "mountPath": "/external/icloud/a"}, ["mount-within-another"]),
    ],
)  # fmt: skip
def test_what_stands_where_the_mount_goes(keys: Manifest, volume: Manifest, mount: Manifest, codes: list[str]) -> None:
    there = {"name": "icloud-import", "mountPath": "/external/icloud"} | mount
    assert [code for code, _ in in_place(configured(adoptExisting=True, **keys), volume, there)] == codes


@pytest.mark.parametrize(
    "at", ["/external", "/external/icloud/family", "/external/icloud/", "//external//icloud/x", "/external/./icloud"]
)
def test_no_mount_within_a_mount(at: str) -> None:
    own = in_place(configured(), {"name": "own", "emptyDir": {}}, {"name": "own", "mountPath": at})
    assert own == [("mount-within-another", "immich.mount.path")]


@pytest.mark.parametrize(
    ("at", "hides"), [("/external/icloud/family", True), ("/external/icloud/", True), ("/external/icloud-2", False)]
)
def test_photos_that_another_mount_hides_are_not_there(at: str, *, hides: bool) -> None:
    pod = mounted()["spec"]["template"]["spec"]
    pod["containers"][0]["volumeMounts"].append({"name": "own", "mountPath": at})
    (mount,) = planned().mounts
    assert bool(list(lacking(mount, pod))) is hides


def test_a_directory_is_the_same_with_a_slash_at_its_end() -> None:
    (mount,) = plan(configured(storage=ON_HOST), Found(SERVERS), Ownership(STACK)).mounts
    pod = deepcopy(mount["spec"]["template"]["spec"])
    pod["volumes"][0]["hostPath"]["path"] += "/"
    assert list(lacking(mount, pod)) == []


# entries -> chart


def test_a_chart_that_states_it_may_have_it() -> None:
    for live, ours in ((mounted(), False), (mounted(), True), (from_a_mirror(), False)):
        given = answers(Remainder(live, ours=ours))
        assert told(found(planned(library=True), given)) == ([("mount-stays", WHERE)] if ours else [])


@pytest.mark.parametrize("library", [False, True])
def test_a_mount_without_another_owner_is_not_relinquished(*, library: bool) -> None:
    (finding,) = found(planned(library=library), answers(Remainder(deployment(), ours=True)))
    assert (finding.code, finding.subject, finding.severity) == ("mount-given-up", WHERE, Severity.PROBLEM)
    assert "make chart-values STACK=test" in finding.remedy


def test_what_kubectl_co_owns_has_no_field_manager_either() -> None:
    given = answers(Remainder(mounted(), ours=True, by_hand="volumes[icloud-import]"))
    (finding,) = found(planned(), given)
    assert finding.code == "mount-given-up"
    assert "volumes[icloud-import]" in finding.text


@pytest.mark.parametrize(
    ("library", "code", "severity"),
    [(True, "mount-not-in-chart", Severity.PROBLEM), (False, "chart-lacks-mount", Severity.WARNING)],
)
def test_no_library_without_its_photos(code: str, severity: Severity, *, library: bool) -> None:
    (finding,) = found(planned(library=library), answers(Remainder(deployment())))
    assert (finding.code, finding.subject, finding.severity) == (code, WHERE, severity)
    assert "make chart-values STACK=test" in finding.remedy


@pytest.mark.parametrize("library", [False, True])
def test_an_older_guard_is_worth_a_word(*, library: bool) -> None:
    given = answers(Remainder(with_old_guard()))
    assert told(found(planned(library=library), given), Severity.WARNING) == [("chart-has-old-check", WHERE)]


# entries


@pytest.mark.parametrize(
    ("live", "restarts", "mutating", "codes"),
    [
        (deployment(), True, False, ["immich-restarts"]),
        (deployment(), True, True, ["immich-restarts", "admission-advised"]),
        (deployment(), False, True, []),
        (mounted(STACK), True, True, []),
    ],
    ids=["lacks it", "may have it added", "the same pods", "has it"],
)
def test_preview_says_once_that_immich_restarts(
    live: Manifest, codes: list[str], *, restarts: bool, mutating: bool
) -> None:
    given = Answers(trials={Ref.of(live): FragmentDryRun(live, restarts=restarts)})
    there = replace(CLUSTER, mutating=mutating)
    assert [one.code for one in mount_rules.findings(configured(), there, planned("entries"), given)] == codes


@pytest.mark.parametrize(("live", "codes"), [(deployment(), ["immich-restarts"]), (mounted(), [])])
def test_admission_restarts_no_pod_that_has_the_mount(live: Manifest, codes: list[str]) -> None:
    there = replace(CLUSTER, workloads=(live,), mutating=True)
    said = mount_rules.findings(configured(), there, planned("admission"), Answers())
    assert [one.code for one in said] == codes


# chart -> entries


def test_what_both_state_alike_stays_when_the_chart_lets_go() -> None:
    both = Answers(trials={Ref.of(deployment()): FragmentDryRun(mounted(ARGOCD), shared=TWICE)})
    assert [one.code for one in found(planned("entries"), both)] == ["mount-shared"]


def test_a_mount_that_shows_the_photos_is_not_taken_out_first() -> None:
    refused = Answers(trials={Ref.of(deployment()): FragmentDryRun(mounted(ARGOCD), (OBJECT_MISSING.found(),))})
    (finding,) = found(planned("entries"), refused)
    assert (finding.code, finding.values["manager"]) == ("mount-of-another", ARGOCD)


def half_mounted(manager: str) -> Manifest:
    live = mounted(manager)
    live["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].pop()
    return live


@pytest.mark.parametrize(
    "live",
    [deployment(), mounted(BY_HAND), mounted(STACK), half_mounted(ARGOCD)],
    ids=["none", "kubectl", "ours", "no photos"],
)
def test_any_other_error_of_this_project_is_shown_alone(live: Manifest) -> None:
    refused = Answers(trials={Ref.of(live): FragmentDryRun(live, (OBJECT_MISSING.found(),))})
    assert told(found(planned("entries"), refused)) == []


# removal


@pytest.mark.parametrize("mount", ["chart", {"kind": "chart", "path": "/mnt/icloud"}])
def test_removal_tells_what_the_chart_still_mounts(monkeypatch: pytest.MonkeyPatch, mount: object) -> None:
    assert said_of_removal(monkeypatch, {"immich": {"mount": mount}}) == []
    (warning,) = said_of_removal(monkeypatch, {"immich": {"mount": mount}}, JOB)
    assert warning == str(wording.REMOVED_UNDER_CHART.found(command=f"make chart-values STACK={pulumi.get_stack()}"))


@pytest.mark.parametrize("immich", [{}, {"mount": "entries"}, {"mount": {"path": "/mnt/icloud"}}, "broken"])
def test_removal_of_a_managed_mount_needs_no_permission(monkeypatch: pytest.MonkeyPatch, immich: object) -> None:
    assert said_of_removal(monkeypatch, {"immich": immich}, JOB) == []


def test_removal_tells_of_photos_that_a_library_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    key: Manifest = {"immichApiKey": "made-by-no-up"}
    assert said_of_removal(monkeypatch, key, JOB) == []
    assert said_of_removal(monkeypatch, key, JOB, LIBRARY) == [str(wording.PHOTOS_UNSEEN.found())]


@pytest.mark.parametrize(
    ("manager", "told"), [(ARGOCD, [ARGOCD]), ("kubectl-patch", []), (Ownership(STACK).manager, []), ("", [])]
)
def test_removal_tells_who_else_states_the_mount(
    monkeypatch: pytest.MonkeyPatch, manager: str, told: list[str]
) -> None:
    api, live, ours = FakeCluster(), mounted(manager), planned("entries")
    api.objects[Ref.of(live)] = live
    monkeypatch.setattr("preflight.removal_rules.ClusterApi", lambda _: api)
    fragment = {"fragment": ours.mounts[0], "manager": ours.ownership.manager}
    found = removal_rules.mounted_by_others(configured().cluster, [Known("", "", {}), Known("", "", fragment)])
    assert [(one.code, one.values["manager"]) for one in found] == [("mount-remains", name) for name in told]


@pytest.mark.parametrize(
    ("marks", "owner", "phase", "held"),
    [
        ({}, "ReplicaSet", "Running", ["claim-held"]),
        ({ADOPTED_MARK: "true"}, "ReplicaSet", "Running", []),
        ({}, "Job", "Running", []),
        ({}, "ReplicaSet", "Failed", []),
    ],
    ids=["held", "a claim that stays", "Job", "ended"],
)
def test_pods_that_keep_a_claim(
    monkeypatch: pytest.MonkeyPatch, marks: dict[str, str], owner: str, phase: str, held: list[str]
) -> None:
    api, place = FakeCluster(), {"name": "icloud-photos", "namespace": "immich"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "immich", "ownerReferences": [{"kind": owner}]},
        "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "icloud-photos"}}]},
        "status": {"phase": phase},
    }
    api.objects[Ref.of(pod)] = pod
    monkeypatch.setattr("preflight.removal_rules.ClusterApi", lambda _: api)
    claim = Known(CLAIM, "", {"metadata": place | {"annotations": marks}})
    assert [one.code for one in removal_rules.held_claims(configured().cluster, [claim])] == held


def test_removal_is_refused_where_the_chart_keeps_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    held = wording.CLAIM_HELD.found("c", pod="p")
    monkeypatch.setattr("preflight.removal_rules.held_claims", lambda *_: [held])
    assert said_of_removal(monkeypatch, {}, JOB) == []
    with pytest.raises(PreflightError) as refused:
        said_of_removal(monkeypatch, {"immich": {"mount": "chart"}}, JOB)
    assert refused.value.problems == (held,)


def test_removal_tells_of_no_mount_where_the_cluster_can_not_be_read() -> None:
    fragment = {"fragment": planned("entries").mounts[0], "manager": "m"}
    assert removal_rules.mounted_by_others(configured().cluster, [Known("", "", fragment)]) == []


def said_of_removal(monkeypatch: pytest.MonkeyPatch, settings: Manifest, *made: str) -> list[str]:
    """What the program warns of, with these settings in its configuration, and such resources in its state."""
    said: list[str] = []
    monkeypatch.setattr("observe.state.known", lambda: tuple(Known(type_, "", {}) for type_ in made))
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    cluster = {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"}
    values = {f"immich-icloud:{key}": as_text(value) for key, value in {"cluster": cluster, **settings}.items()}

    def run() -> None:
        pulumi.runtime.set_all_config(values)
        preflight.of_removal(load_connections())

    contextvars.copy_context().run(run)
    return said
