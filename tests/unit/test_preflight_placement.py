"""What preview knows of pods that could not start: deletions, nodes, claims, strategies, quotas."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.claim import FragmentDryRun
from clients.kubernetes import Answer, ClusterRefusedError, Ref
from components.ownership import Ownership
from components.plan import Found
from components.plan import plan as plan_of
from observe import Observed, placement
from observe.cluster import ClusterSeen
from observe.existing import ExistingSeen
from observe.placement import Placement
from preflight import dry_runs, pod_trials, rules
from preflight.dry_runs import Answers
from preflight.selectors import on_node, untolerated
from settings import Settings
from tests.accounts import household
from tests.fake_cluster import FakeCluster
from tests.findings import Told, told
from tests.objects import SERVERS, STACK, Manifest, deployment, manifest, namespace, service
from tests.unit.configured import ON_HOST, configured
from tests.unit.test_preflight_rules import (
    CLAIM,
    INGRESS,
    JOB,
    OWNED,
    VOLUME,
    by_hand,
    facts,
    found,
    live_of,
    missing,
    planned,
)
from text.finding import Severity

IMMICH = Ref("apps/v1", "Deployment", "immich-server", "immich")
GOING = {"deletionTimestamp": "2026-11-27T08:00:00Z", "finalizers": ["kubernetes.io/pvc-protection"]}
ON_TALOS_1 = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-1"]}]}]
ON_TALOS_9 = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-9"]}]}]


def node(**more: Any) -> Manifest:
    labels = {"kubernetes.io/hostname": "talos-1", "disk": "big", "gen": "7"}
    ready = {"type": "Ready", "status": "True"}
    return {"metadata": {"name": "t1", "labels": labels}, "spec": {}, "status": {"conditions": [ready]}} | more


def immich(pod: Manifest | None = None, **spec: Any) -> Manifest:
    live = deployment()
    live["spec"] |= spec
    live["spec"]["template"]["spec"] |= pod or {}
    return live


def seen(live: Manifest, **more: Any) -> ClusterSeen:
    return facts(workloads=(live,), placement=Placement(**{"node": node(), **more}))


def problems(
    settings: Settings, there: ClusterSeen, live: dict[Ref, Manifest] | None = None, **more: Any
) -> list[Told]:
    """What is found where this `up` restarts Immich, as it lacks the mount."""
    (workload,) = there.workloads
    answers = Answers(live or {}, trials={IMMICH: FragmentDryRun(workload)}, **more)
    return told(rules.findings(settings, there, planned(settings), answers), Severity.PROBLEM)


# what is being deleted


@pytest.mark.parametrize("ref", [VOLUME, CLAIM, INGRESS, JOB], ids=lambda ref: str(ref.kind))
@pytest.mark.parametrize("adopting", [True, False])
def test_an_object_that_is_being_deleted(ref: Ref, *, adopting: bool) -> None:
    settings = configured(adoptExisting=adopting)
    live = live_of(planned(settings), ref)
    live[ref]["metadata"] |= GOING
    assert told(found(settings, live), Severity.PROBLEM) == [("being-deleted", str(ref))]
    assert told(found(settings, by_hand(live)), Severity.PROBLEM) == [("being-deleted", str(ref))]


def test_a_volume_that_is_being_deleted_is_not_to_be_untied() -> None:
    live = live_of(planned(configured()), VOLUME, claimRef__uid="of-yesterday")
    live[VOLUME]["status"] = {"phase": "Released"}
    live[VOLUME]["metadata"] |= GOING
    (finding,) = found(configured(), live)
    assert (finding.code, finding.values["held"]) == ("being-deleted", "kubernetes.io/pvc-protection")


def test_immichs_namespace_is_being_deleted() -> None:
    going = namespace()
    going["metadata"] |= {"deletionTimestamp": "2026-11-27T08:00:00Z"}
    assert missing(configured(), facts(namespace=going, workloads=(), services=())) == [
        ("being-deleted", "Namespace immich")
    ]


def test_immichs_workload_and_service_are_being_deleted() -> None:
    live, leading, other = deployment(), service(3001), service(6379)
    other["metadata"] |= {"name": "immich-redis"}
    for one in (live, leading, other):
        one["metadata"] |= GOING
    settings = configured(immich={"service": {"name": "immich-server", "port": 3001}})
    assert problems(settings, replace(seen(live), services=(leading, other))) == [
        ("being-deleted", str(IMMICH)),
        ("being-deleted", "Service immich/immich-server"),
    ]


def test_a_claim_that_is_there_and_its_volume_are_being_deleted() -> None:
    volume_of_it = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "nas"} | GOING, "spec": {}}
    photos, read = claim("photos", "photo-sync"), claim("photos", "immich")
    for one in (photos, read):
        one["metadata"] |= GOING
    place = namespace("photo-sync")
    place["metadata"] |= GOING
    settings = configured({"kind": "existing", "claim": {"namespace": "photo-sync", "name": "photos"},
                           "immichClaim": {"name": "photos"}})  # fmt: skip
    there = replace(seen(immich()), existing=ExistingSeen(photos, read, volume_of_it), photo_sync=place)
    assert [about for code, about in problems(settings, there) if code == "being-deleted"] == [
        "Namespace photo-sync", str(CLAIM).replace("icloud-photos", "photos"),
        "PersistentVolumeClaim immich/photos", "PersistentVolume nas",
    ]  # fmt: skip


# where pods run


@pytest.mark.parametrize(
    ("pod", "code"),
    [
        ({}, None),
        ({"nodeName": "t1"}, None),
        ({"nodeName": "t9"}, "node-excluded"),
        ({"nodeSelector": {"disk": "big"}}, None),
        ({"nodeSelector": {"disk": "small"}}, "node-excluded"),
        ({"affinity": {"podAntiAffinity": {}}}, None),
        ({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}}, None),
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                        {"nodeSelectorTerms": ON_TALOS_1}}}}, None),
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                        {"nodeSelectorTerms": ON_TALOS_9}}}}, "node-excluded"),
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                        {"nodeSelectorTerms": [*ON_TALOS_9, *ON_TALOS_1]}}}}, None),
    ],
)  # fmt: skip
def test_immich_runs_on_the_photos_node(pod: Manifest, code: str | None) -> None:
    assert problems(configured(), seen(immich(pod))) == ([(code, str(IMMICH))] if code else [])


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "disk", "operator": "NotIn", "values": ["big"]}, False),
        ({"key": "gpu", "operator": "NotIn", "values": ["none"]}, True),
        ({"key": "disk", "operator": "Exists"}, True),
        ({"key": "disk", "operator": "DoesNotExist"}, False),
        ({"key": "gen", "operator": "Gt", "values": ["6"]}, True),
        ({"key": "gen", "operator": "Lt", "values": ["7"]}, False),
        ({"key": "disk", "operator": "Gt", "values": ["1"]}, False),
        ({"key": "absent", "operator": "Gt", "values": ["1"]}, False),
        ({"key": "disk", "operator": "OfALaterVersion"}, True),
    ],
)
def test_the_terms_of_a_node_selector(expression: Manifest, *, fits: bool) -> None:
    assert on_node([{"matchExpressions": [expression]}], node()) is fits


def test_terms_by_name_and_empty_ones() -> None:
    assert on_node([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["t1"]}]}], node())
    assert not on_node([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["t2"]}]}], node())
    assert not on_node([{}], node())


TAINT: Manifest = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
CORDON: Manifest = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({}, None),
        ({"spec": {"unschedulable": True}}, "node-closed"),
        ({"spec": {"taints": [TAINT]}}, "node-closed"),
        ({"spec": {"taints": [{"key": "dedicated", "value": "db", "effect": "PreferNoSchedule"}]}}, None),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "gone"}]}}, "node-closed"),
    ],
    ids=["well", "cordoned", "tainted", "preferably not", "not ready"],
)
def test_a_node_that_takes_no_pod(state: Manifest, code: str | None) -> None:
    there = seen(immich(), node=node(**state))
    assert problems(configured(), there) == ([(code, str(IMMICH)), (code, str(JOB))] if code else [])
    # What runs, and is to stay as it is, goes on.
    settled = Answers({JOB: live_of(planned(configured()), JOB)[JOB]})
    assert told(rules.findings(configured(), there, planned(configured()), settled)) == []


def test_the_next_sync_waits_for_its_node() -> None:
    settings = household(storage=OWNED)
    there = seen(immich(), node=node(spec={"unschedulable": True, "taints": [TAINT, CORDON]}))
    for live in (live_of(planned(settings), JOB), {}):  # without the Job, that is what is told of
        said = {one.code: one for one in rules.findings(settings, there, planned(settings), Answers(live))}
        assert ("node-closed-to-sync" in said) is bool(live)
        assert said["node-closed-to-sync" if live else "node-closed"].values["reason"] == (
            "it is cordoned, taint dedicated=db:NoSchedule"
        )


@pytest.mark.parametrize(
    ("toleration", "kept_out"),
    [
        ({"key": "a", "operator": "Exists"}, False),
        ({"operator": "Exists"}, False),
        ({"key": "a", "value": "1"}, False),
        ({"key": "a", "value": "2"}, True),
        ({"key": "a", "value": "1", "effect": "NoExecute"}, True),
    ],
)
def test_tolerations(toleration: Manifest, *, kept_out: bool) -> None:
    tainted = node(spec={"taints": [{"key": "a", "value": "1", "effect": "NoSchedule"}]})
    assert list(untolerated({"tolerations": [toleration]}, tainted)) == (["a=1:NoSchedule"] if kept_out else [])


# claims


def claim(name: str, place: str, **spec: Any) -> Manifest:
    return manifest("v1", "PersistentVolumeClaim", name, place, spec=spec)


def volume(terms: list[Manifest]) -> Manifest:
    return {"metadata": {"name": "pvc-1"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}


@pytest.mark.parametrize(("terms", "problem"), [(ON_TALOS_1, False), (ON_TALOS_9, True)], ids=["there", "elsewhere"])
def test_a_claim_of_immich_on_another_node(terms: list[Manifest], *, problem: bool) -> None:
    there = seen(immich(), claims=(claim("immich-library", "immich", volumeName="pvc-1"),), volumes=(volume(terms),))
    told_of = [("claim-elsewhere", "PersistentVolumeClaim immich/immich-library")] if problem else []
    assert problems(configured(), there) == told_of


def test_a_claim_that_a_stateful_set_makes_for_its_pod_on_another_node() -> None:
    stated = {"metadata": {"name": "library"}}
    live = immich(volumeClaimTemplates=[stated], replicas=1) | {"kind": "StatefulSet"}
    made = claim("library-immich-server-0", "immich", volumeName="pvc-1")
    settings, there = configured(), seen(live, claims=(made,), volumes=(volume(ON_TALOS_9),))
    ref = Ref.of(live)
    servers = (replace(SERVERS[0], ref=ref),)
    plan = plan_of(settings, Found(servers), Ownership(STACK))
    assert told(rules.findings(settings, there, plan, Answers()), Severity.PROBLEM) == [
        ("claim-elsewhere", "PersistentVolumeClaim immich/library-immich-server-0")
    ]


def test_a_cordon_that_a_pod_tolerates() -> None:
    tolerant = immich({"tolerations": [{"operator": "Exists"}]})
    there = seen(tolerant, node=node(spec={"unschedulable": True}))
    assert (("node-closed", str(IMMICH)) in problems(configured(), there)) is False


def test_a_session_on_another_node_than_the_photos() -> None:
    settings = household(storage=OWNED)
    cookies = claim("icloud-cookies-anna", "photo-sync", volumeName="pvc-1")
    there = seen(immich(), claims=(cookies,), volumes=(volume(ON_TALOS_9),))
    assert problems(settings, there) == [("claim-elsewhere", "PersistentVolumeClaim photo-sync/icloud-cookies-anna")]


# the rollout

GPU: Manifest = {"limits": {"gpu.intel.com/i915": "1", "memory": "1Gi"}}
WITH_GPU = node(status={"allocatable": {"gpu.intel.com/i915": "1"}})
RECREATE: Manifest = {"strategy": {"type": "Recreate"}}


def holding(**container: Any) -> Manifest:
    live = deployment()["spec"]["template"]["spec"]["containers"][0]
    return {"containers": [live | container]}


@pytest.mark.parametrize(
    ("pod", "spec", "there", "problem"),
    [
        (holding(resources=GPU), {}, WITH_GPU, True),
        (holding(resources=GPU), RECREATE, WITH_GPU, False),
        (holding(resources=GPU), {"replicas": 0}, WITH_GPU, False),
        (holding(resources=GPU), {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}, WITH_GPU, False),
        (holding(resources=GPU), {"strategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}, WITH_GPU, True),
        (holding(resources=GPU), {}, node(status={"allocatable": {"gpu.intel.com/i915": "2"}}), False),
        (holding(ports=[{"containerPort": 2283, "hostPort": 2283}]), {}, node(), True),
        (holding(ports=[{"containerPort": 2283}]), {}, node(), False),
    ],
)
def test_what_the_old_pod_holds(pod: Manifest, spec: Manifest, there: Manifest, *, problem: bool) -> None:
    said = problems(configured(), seen(immich(pod, **spec), node=there))
    assert said == ([("old-pod-holds", str(IMMICH))] if problem else [])


@pytest.mark.parametrize("counts", [["1"], ["1", "1"], []], ids=["one", "a second", "unknown"])
def test_a_device_where_the_photos_are_on_no_node(counts: list[str]) -> None:
    settings = configured({"kind": "nfs", "server": "nas.lan", "path": "/photos"})
    nodes = tuple(node(status={"allocatable": {"gpu.intel.com/i915": one}}) for one in counts)
    live = immich(holding(resources=GPU))
    said = problems(settings, seen(live, node=None, nodes=nodes))
    assert said == ([("old-pod-holds", str(IMMICH))] if len(counts) == 1 else [])


def test_a_claim_for_one_pod_only() -> None:
    library = claim("immich-library", "immich", accessModes=["ReadWriteOncePod"])
    assert problems(configured(), seen(immich(), claims=(library,))) == [("old-pod-holds", str(IMMICH))]


def test_a_paused_workload_is_told_only_where_it_would_restart() -> None:
    there = seen(immich(paused=True))
    assert problems(configured(), there) == [("workload-paused", str(IMMICH))]
    assert told(rules.findings(configured(), there, planned(configured()), Answers())) == []


@pytest.mark.parametrize(
    ("spec", "held"),
    [
        ({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}, True),
        ({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}, False),
        ({"updateStrategy": {"rollingUpdate": {"partition": 3}}, "ordinals": {"start": 3}}, False),
        ({"updateStrategy": {"type": "OnDelete"}}, False),
    ],
)
def test_a_stateful_set_that_keeps_some_of_its_pods_is_told_only_where_it_would_restart(
    spec: Manifest, *, held: bool
) -> None:
    there = seen(immich(holding(ports=[{"hostPort": 2283}]), **spec) | {"kind": "StatefulSet"})
    settings, ref = configured(), Ref("apps/v1", "StatefulSet", "immich-server", "immich")
    plan = plan_of(settings, Found((replace(SERVERS[0], ref=ref),)), Ownership(STACK))
    answers = Answers(trials={ref: FragmentDryRun(there.workloads[0])})
    assert told(rules.findings(settings, there, plan, answers), Severity.PROBLEM) == (
        [("workload-partitioned", str(ref))] if held else []
    )
    assert told(rules.findings(settings, there, plan, Answers()), Severity.PROBLEM) == []


@pytest.mark.parametrize("strategy", [{}, RECREATE], ids=["RollingUpdate", "Recreate"])
def test_a_claim_that_only_immichs_pod_keeps_from_being_gone(strategy: Manifest) -> None:
    """Deleted while it was in use, it waits for the pod: a restart would lose Immich's own photos."""
    going, other = claim("immich-library", "immich"), claim("immich-library", "elsewhere")
    for one in (going, other):
        one["metadata"] |= GOING
    live = immich({"volumes": [{"name": "l", "persistentVolumeClaim": {"claimName": "immich-library"}}]}, **strategy)
    there = seen(live, claims=(going, other))
    assert problems(configured(), there) == [("claim-goes-with-pod", "PersistentVolumeClaim immich/immich-library")]
    assert told(rules.findings(configured(), there, planned(configured()), Answers()), Severity.PROBLEM) == []


# quotas


class Admitting(FakeCluster):
    """It refuses the pods of one namespace."""

    def __init__(self, place: str, reason: str, status: int = 403) -> None:
        super().__init__()
        self.refusal, self.asked = (place, reason, status), list[Manifest]()

    def try_to_create(self, manifest: Manifest, manager: str) -> Answer:
        assert manager
        self.asked.append(manifest)
        place, reason, status = self.refusal
        if manifest["metadata"]["namespace"] == place:
            raise ClusterRefusedError(status, reason)
        return Answer(manifest, ())


QUOTA = 'pods "immich-icloud-preview" is forbidden: failed quota: all: must specify limits.cpu for: require-photo-disk'
EXCEEDED = 'pods "immich-icloud-preview" is forbidden: exceeded quota: all, requested: pods=1, used: pods=5, limited: 5'


@pytest.mark.parametrize(
    ("live", "reason", "refused"),
    [
        (immich(), QUOTA, True),
        (immich(**RECREATE), QUOTA, True),
        (immich(), EXCEEDED, True),
        (immich(**RECREATE), EXCEEDED, False),
        (immich(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}), EXCEEDED, False),
        (immich(), 'pods is forbidden: User "me" cannot create resource "pods"', False),
    ],
    ids=["unstated", "unstated, Recreate", "exceeded", "its own share is free again", "without surge", "may not ask"],
)
def test_a_quota_is_asked(live: Manifest, reason: str, *, refused: bool) -> None:
    settings = configured()
    api = Admitting("immich", reason)
    answer = pod_trials.refused(api, planned(settings), Observed(facts(workloads=(live,))))
    assert answer == ({IMMICH: reason} if refused else {})
    (asked,) = api.asked
    assert [one["name"] for one in asked["spec"]["initContainers"]] == ["require-photo-disk"]


def test_a_limit_that_a_range_gives_is_below_what_is_asked_for() -> None:
    """The API server calls that invalid, where it forbids what a range does not allow."""
    reason = 'Pod "p" is invalid: spec.containers[0].resources.requests: Invalid value: "50m": must be less than or equal to cpu limit of 20m'  # noqa: E501 (its words)
    plan, there = planned(configured()), Observed(facts(workloads=(immich(),)))
    assert pod_trials.refused(Admitting("immich", reason, 422), plan, there) == {IMMICH: reason}
    assert pod_trials.refused(Admitting("immich", 'Pod "p" is invalid', 422), plan, there) == {}


def test_a_quota_is_asked_about_immichs_pods_only_where_they_restart() -> None:
    settings, refused = configured(), {IMMICH: EXCEEDED}
    assert problems(settings, seen(immich()), refused_pods=refused) == [("pod-refused", str(IMMICH))]
    assert told(found(settings, {}, seen(immich()), refused_pods=refused), Severity.PROBLEM) == []


def test_a_quota_is_asked_about_pods_that_admission_gives_the_mount() -> None:
    settings = configured(immich={"mount": "admission"})
    there = seen(immich(paused=True))
    found_there = told(found(settings, {}, there, refused_pods={IMMICH: EXCEEDED}), Severity.PROBLEM)
    assert found_there == [("pod-refused", str(IMMICH)), ("workload-paused", str(IMMICH))]


@pytest.mark.parametrize(("active", "refused"), [([], True), ([{"name": "icloud-sync-anna-1"}], False)])
def test_a_sync_that_runs_holds_what_the_next_one_gets(active: list[Manifest], *, refused: bool) -> None:
    settings = household({"name": "anna"}, {"name": "ben"}, storage=OWNED)
    plan = planned(settings)
    account, _ = plan.sync.accounts if plan.sync else ()
    ref = Ref.of(account.cron_job)
    there = facts(photo_sync=namespace("photo-sync"), live={ref: account.cron_job | {"status": {"active": active}}})
    assert (ref in pod_trials.refused(Admitting("photo-sync", EXCEEDED), plan, Observed(there))) is refused


def test_a_quota_is_asked_with_what_counts_in_it() -> None:
    counts = {"priorityClassName": "home", "activeDeadlineSeconds": 60, "runtimeClassName": "kata"}
    sidecar = {"name": "vpn", "image": "x", "restartPolicy": "Always", "resources": GPU | {"claims": [{"name": "gpu"}]}}
    api = Admitting("immich", QUOTA)
    live = immich({**counts, "initContainers": [sidecar, {"name": "require-photo-disk"}]})
    pod_trials.refused(api, planned(configured()), Observed(facts(workloads=(live,))))
    (asked,) = api.asked
    assert asked["spec"].items() >= counts.items()
    beside, _ = asked["spec"]["initContainers"]
    assert (beside["restartPolicy"], beside["resources"]) == ("Always", GPU)


def test_what_does_not_exist_yet_is_asked_for_in_a_namespace_that_does() -> None:
    refusal = (
        'persistentvolumeclaims "icloud-photos" is forbidden: exceeded quota: all, requested: requests.storage=1Ti'
    )
    settings, api = configured(), Admitting("photo-sync", refusal)
    for thing in (deployment(), namespace("photo-sync")):
        api.objects[Ref.of(thing)] = thing
    there = facts(photo_sync=namespace("photo-sync"))
    refused = dry_runs.new_ones_refused(api, planned(settings), Observed(there))
    assert CLAIM in refused
    assert INGRESS not in refused
    assert ("refused", str(CLAIM)) in told(found(settings, {}, there, refusals=refused), Severity.PROBLEM)
    there = replace(there, live=live_of(planned(settings), CLAIM))
    assert CLAIM not in dry_runs.new_ones_refused(api, planned(settings), Observed(there))
    api.asked.clear()
    assert dry_runs.new_ones_refused(api, planned(settings), Observed(facts())) == {}
    assert {one["metadata"]["namespace"] for one in api.asked} == {"immich"}


def test_the_pods_of_a_namespace_that_exists_are_asked_for() -> None:
    settings = household(storage={**ON_HOST, "owner": {"uid": 1000, "gid": 1000}})
    api = Admitting("photo-sync", QUOTA)
    there = facts(photo_sync=namespace("photo-sync"))
    assert pod_trials.refused(api, planned(settings), Observed(there)).keys() == {
        JOB,
        Ref("batch/v1", "CronJob", "icloud-sync-anna", "photo-sync"),
    }


# what is read


def test_what_is_read_of_nodes_and_claims() -> None:
    api = FakeCluster()
    mine, other = claim("a", "immich"), claim("b", "mealie")
    for one in (mine, other):
        api.objects[Ref.of(one)] = deepcopy(one)
    read = placement.read_placement(configured(), [node()], (), api.list)
    assert read == Placement(node(), (mine,), (), (node(),))
    on_nas = configured({"kind": "nfs", "server": "n", "path": "/p"})
    assert placement.read_placement(on_nas, [node()], None, api.list) == Placement(None, (mine,), None, (node(),))
    assert placement.read_placement(configured(), [], None, lambda _: None) == Placement()


def test_the_node_of_a_claim_that_is_there() -> None:
    settings = configured({"kind": "existing", "claim": {"namespace": "immich", "name": "photos"}})
    existing = ExistingSeen(
        claim("photos", "immich", accessModes=["ReadWriteOnce"]), None, None, frozenset({"talos-1"})
    )
    assert placement.read_placement(settings, [node()], (), lambda _: [], existing).node == node()
