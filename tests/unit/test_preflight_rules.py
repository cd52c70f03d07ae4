"""What preflight finds in the cluster, and when it finds nothing. No cluster: facts and answers are made here."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.claim import FragmentDryRun
from clients.kubernetes import Ref
from clients.wording import ENTRIES_BY_HAND, ENTRIES_OF_ANOTHER, ENTRIES_OF_ANOTHER_STACK, OBJECT_MISSING
from components.names import names
from components.ownership import STACK_MARK, Ownership
from components.photo_sync import fetching
from components.plan import Found, ManagedObject, Plan, plan
from observe.cluster import ClusterSeen
from preflight import missing_rules, rules
from preflight.dry_runs import Answers
from settings import Settings
from settings.immich import Immich
from tests.accounts import household
from tests.findings import Told, told
from tests.objects import SERVERS, STACK, Manifest, deployment, managed, manifest, namespace, service
from tests.unit.configured import ON_HOST, configured
from text.finding import Finding, Severity, Situation

OWNED: Manifest = {**ON_HOST, "owner": {"uid": 1000, "gid": 1000}}
LOCAL: Manifest = {**ON_HOST, "kind": "local"}
NFS: Manifest = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
CSI: Manifest = {"kind": "csi", "driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"}
VOLUME = Ref("v1", "PersistentVolume", "icloud-photos-shared")
CLAIM = Ref("v1", "PersistentVolumeClaim", "icloud-photos", "photo-sync")
INGRESS = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
JOB = Ref("batch/v1", "Job", "create-icloud-directory", "photo-sync")


def facts(**more: Any) -> ClusterSeen:
    immichs = service(3001)
    immichs["spec"]["ports"].append({"port": 9100})
    there = ClusterSeen(namespace(), (deployment(),), (immichs,), None, None, nodes=("talos-1",))
    return replace(there, **more)


def planned(settings: Settings, **more: Any) -> Plan:
    found = Found(SERVERS, job_by_hand=bool(more.pop("job_by_hand", False)))
    return plan(settings, found, Ownership(STACK, adopting=settings.adopt_existing, **more))


def managed_object(plan: Plan, ref: Ref) -> ManagedObject:
    return next(managed for managed in plan.managed_objects() if managed.ref == ref)


def live_of(plan: Plan, ref: Ref, **spec: Any) -> dict[Ref, Manifest]:
    """An object as this stack made it, but for some fields of its spec; None removes one."""
    live = deepcopy(managed_object(plan, ref).manifest)
    for path, value in spec.items():
        *way, last = path.split("__")
        node = live["spec"]
        for step in way:
            node = node.setdefault(step, {})
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return {ref: live}


def by_hand(live: dict[Ref, Manifest], fields: Manifest | None = None, **metadata: Any) -> dict[Ref, Manifest]:
    """The same objects as made with kubectl."""
    for thing in live.values():
        thing["metadata"] = {k: v for k, v in thing["metadata"].items() if k != "annotations"} | metadata
        if fields:
            thing["metadata"]["managedFields"] = [managed("kubectl-client-side-apply", fields)]
    return live


def found(
    settings: Settings,
    live: dict[Ref, Manifest],
    seen: ClusterSeen | None = None,
    plan: Plan | None = None,
    **more: Any,
) -> list[Finding]:
    return list(rules.findings(settings, seen or facts(), plan or planned(settings), Answers(live, **more)))


def problems(settings: Settings, live: dict[Ref, Manifest], seen: ClusterSeen | None = None, **more: Any) -> list[Told]:
    return told(found(settings, live, seen, **more), Severity.PROBLEM)


def warnings(settings: Settings, live: dict[Ref, Manifest], seen: ClusterSeen | None = None, **more: Any) -> list[Told]:
    return told(found(settings, live, seen, **more), Severity.WARNING)


def missing(settings: Settings, seen: ClusterSeen) -> list[Told]:
    return told(missing_rules.in_cluster(settings, seen))


# what has to be there


def test_nothing_is_missing() -> None:
    for named in ({}, {"name": facts().services[0]["metadata"]["name"]}):
        assert missing(configured(immich={"service": named}), facts()) == []


@pytest.mark.parametrize(
    ("more", "seen", "expected"),
    [
        (
            {},
            {"namespace": None, "workloads": (), "services": (), "nodes": ()},
            ("namespace-missing", "immich.namespace"),
        ),
        ({"immich": {"deployment": "photos"}}, {}, ("workload-missing", "immich.deployment")),
        ({}, {"workloads": ()}, ("server-missing", "immich.deployment")),
        (
            {"immich": {"deployment": "immich-server", "mount": {"container": "server"}}},
            {},
            ("container-missing", "immich.mount.container"),
        ),
        ({"immich": {"service": {"name": "photos"}}}, {}, ("service-missing", "immich.service.name")),
        ({}, {"services": ()}, ("service-unknown", "immich.service")),
        ({"immich": {"service": {"port": 2283}}}, {}, ("port-missing", "immich.service.port")),
        ({}, {"nodes": ("talos-2", "talos-3")}, ("node-missing", "storage.node")),
    ],
    ids=["namespace", "workload", "image", "container", "service", "selector", "port", "node"],
)
def test_missing(more: Manifest, seen: Manifest, expected: Told) -> None:
    assert missing(configured(**more), facts(**seen)) == [expected]


@pytest.mark.parametrize(("storage", "nodes"), [(NFS, ()), (ON_HOST, None)], ids=["needs none", "may not be read"])
def test_no_node_is_missing(storage: Manifest, nodes: tuple[str, ...] | None) -> None:
    assert missing(configured(storage), facts(nodes=nodes)) == []


# the session's volume


LOCAL_PATH: Manifest = {"metadata": {"name": "local-path"}}
DEFAULT: Manifest = {
    "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
}
CLASS = "photoSync.cookieVolume.storageClass"


@pytest.mark.parametrize(
    ("wanted", "seen", "expected"),
    [
        (None, {"storage_classes": (LOCAL_PATH, DEFAULT)}, []),
        ("local-path", {"storage_classes": (LOCAL_PATH,)}, []),
        ("by-hand", {"volume_classes": frozenset({"by-hand"})}, []),
        (None, {"storage_classes": (LOCAL_PATH,)}, [("no-default-class", CLASS)]),
        ("slow", {"storage_classes": (LOCAL_PATH,)}, [("class-missing", CLASS)]),
        (None, {"volume_classes": frozenset({"by-hand"})}, [("no-class", CLASS)]),
        ("slow", {"storage_classes": (LOCAL_PATH,), "volume_classes": None}, []),
        ("slow", {"storage_classes": None}, []),
    ],
    ids=["default", "named", "by hand", "no default", "unknown", "none", "no volumes are read", "no classes are read"],
)
def test_a_session_needs_a_volume(wanted: str | None, seen: Manifest, expected: list[Told]) -> None:
    cookie_volume = {"storageClass": wanted} if wanted else {}
    assert missing(household(storage=OWNED, cookieVolume=cookie_volume), facts(**seen)) == expected


def test_a_stack_without_accounts_needs_none() -> None:
    assert missing(configured(), facts(storage_classes=(LOCAL_PATH,))) == []


COOKIES = Ref("v1", "PersistentVolumeClaim", "icloud-cookies-anna", "photo-sync")
CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-anna", "photo-sync")


def test_what_the_cluster_fills_in_is_no_problem() -> None:
    settings = household(storage=OWNED)
    live = live_of(planned(settings), COOKIES, storageClassName="fast", volumeName="pvc-1")
    assert problems(settings, live) == []


def test_a_sessions_volume_stays_as_it_was_made() -> None:
    settings = household(storage=OWNED, cookieVolume={"storageClass": "fast"})
    live = live_of(planned(settings), COOKIES, storageClassName="slow", resources__requests__storage="1Gi")
    assert [(one.values["field"], one.setting) for one in found(settings, live)] == [
        ("resources.requests.storage", "photoSync.cookieVolume.capacity"),
        ("storageClassName", "photoSync.cookieVolume.storageClass"),
    ]


@pytest.mark.parametrize(
    ("changed", "now"),
    [
        (household({"name": "anna", "folderStructure": "{:%Y}"}, storage=OWNED), "icloud-import {:%Y} Etc/UTC"),
        (household(storage=OWNED, timeZone="Europe/Berlin"), "icloud-import {:%Y/%m/%d} Europe/Berlin"),
        (household({"name": "ben"}, {"name": "anna"}, storage=OWNED), "icloud-import-anna {:%Y/%m/%d} Etc/UTC"),
        (household({"name": "anna", "folder": "photos"}, storage=OWNED), "photos {:%Y/%m/%d} Etc/UTC"),
    ],
    ids=["folder structure", "time zone", "order", "folder"],
)
def test_photos_that_would_be_fetched_again(changed: Settings, now: str) -> None:
    live = live_of(planned(household(storage=OWNED)), CRON_JOB)
    assert problems(changed, live) == [], "nothing has been imported yet"
    live[CRON_JOB]["status"] = {"lastSuccessfulTime": "2026-11-01T02:10:00Z"}
    (finding,) = found(changed, live)
    assert (finding.code, finding.values) == (
        "fetched-again",
        {"was": "icloud-import {:%Y/%m/%d} Etc/UTC", "now": now, "folder": "icloud-import"},
    )
    assert problems(household(storage=OWNED, schedule="0 3 * * *"), live) == []
    first_is_new = household({"name": "ben", "folder": "b"}, {"name": "anna", "folder": "icloud-import"}, storage=OWNED)
    assert problems(first_is_new, live) == []
    del fetching(live[CRON_JOB]["spec"]["jobTemplate"]["spec"]["template"]["spec"])["env"]
    assert [one.values["folder"] for one in found(changed, live)] == [""]


@pytest.mark.parametrize("problem", [ENTRIES_BY_HAND, ENTRIES_OF_ANOTHER])
def test_a_level_that_host_path_needs(problem: Situation) -> None:
    ref, values = Ref("v1", "Namespace", "immich"), {"manager": "m", "entries": "labels"}
    trials = {ref: FragmentDryRun(namespace(), (problem.found(ref, **values),))}
    (finding,) = (one for one in found(configured(ON_HOST), {}, trials=trials) if one.severity is Severity.PROBLEM)
    assert (finding.code, finding.values) == ("level-held", values)


def test_one_immich_is_of_one_stack() -> None:
    ref = Ref.of(deployment())
    problem = ENTRIES_OF_ANOTHER_STACK.found(ref, stack="immich-icloud/other", entries="e")
    assert problems(configured(ON_HOST), {}, trials={ref: FragmentDryRun(deployment(), (problem,))}) == [
        ("immich-of-another-stack", str(ref))
    ]


def test_households_with_an_immich_each_share_no_object() -> None:
    other = {**ON_HOST, "path": "/var/mnt/other", "persistentVolume": "other"}
    theirs = household(storage={**other, "owner": OWNED["owner"]}, namespace="other-sync")
    theirs = theirs.model_copy(update={"immich": Immich(namespace="other")})
    assert not {*names(household(storage=OWNED))} & {*names(theirs)}


# whose it is


@pytest.mark.parametrize(
    "settings",
    [configured(ON_HOST), configured(LOCAL), configured(NFS), configured(CSI), household()],
    ids=["hostPath", "local", "nfs", "csi", "accounts"],
)
def test_what_this_stack_made_is_no_problem(settings: Settings) -> None:
    plan = planned(settings)
    live = {managed.ref: deepcopy(managed.manifest) for managed in plan.managed_objects()}
    assert problems(settings, live) == []
    assert warnings(settings, live) == []


def test_an_object_made_by_hand() -> None:
    settings = configured()
    live = by_hand(live_of(planned(settings), VOLUME))
    (finding,) = found(settings, live)
    assert (finding.code, finding.subject, finding.setting) == ("not-ours", str(VOLUME), "storage.persistentVolume")
    assert problems(configured(adoptExisting=True), live) == []
    moved = by_hand(live_of(planned(settings), VOLUME, hostPath__path="/var/mnt/old"))
    assert problems(settings, moved) == [("not-ours", str(VOLUME))]


@pytest.mark.parametrize("adopt", [False, True])
def test_an_object_of_another_stack(*, adopt: bool) -> None:
    settings = configured(adoptExisting=adopt)
    live = live_of(planned(settings), INGRESS)
    live[INGRESS]["metadata"]["annotations"] = {"immich-icloud/stack": "immich-icloud/other"}
    assert problems(settings, live) == [("of-another-stack", str(INGRESS))]


# what can't be changed

PLACES = {"storage.path", "storage.server", "storage.driver", "storage.volumeHandle"}


@pytest.mark.parametrize(
    ("storage", "ref", "field", "value", "sentence"),
    [
        (ON_HOST, VOLUME, "hostPath.path", "/var/mnt/old", '"/var/mnt/old" * "/var/mnt/photos" * storage.path'),
        (ON_HOST, VOLUME, "hostPath.type", "Directory", '"Directory" * unset * storage.hostPathType'),
        (LOCAL, VOLUME, "local.path", "/var/mnt/old", '"/var/mnt/old" * "/var/mnt/photos" * storage.path'),
        (NFS, VOLUME, "nfs.server", "old.lan", '"old.lan" * "nas.lan" * storage.server'),
        (NFS, VOLUME, "nfs.path", "/old", '"/old" * "/export/photos" * storage.path'),
        (CSI, VOLUME, "csi.driver", "nfs.csi.k8s.io", '"nfs.csi.k8s.io" * "smb.csi.k8s.io" * storage.driver'),
        (CSI, VOLUME, "csi.volumeHandle", "z", '"z" * "a" * storage.volumeHandle'),
        (NFS, VOLUME, "claimRef.namespace", "old", '"old" * "photo-sync" * photoSync.namespace'),
        (NFS, VOLUME, "claimRef.name", "old", '"old" * "icloud-photos" * storage.claim'),
        (NFS, CLAIM, "volumeName", "old", '"old" * "icloud-photos-shared" * storage.persistentVolume'),
        (NFS, CLAIM, "accessModes", ["ReadWriteOnce"], "['ReadWriteOnce'] * ['ReadWriteMany'] * storage.accessModes"),
        (NFS, CLAIM, "resources.requests.storage", "1Ti", '"1Ti" * "500Gi" * storage.capacity'),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_field_that_can_not_be_changed(storage: Manifest, ref: Ref, field: str, value: Any, sentence: str) -> None:
    settings = configured(storage)
    was, wanted, setting = sentence.split(" * ")
    live = live_of(planned(settings), ref, **{field.replace(".", "__"): value})
    (finding,) = found(settings, live)
    *shown, moving = finding.values.values()
    assert (*shown, bool(moving)) == (field, was, wanted, setting in PLACES)
    assert (finding.code, finding.subject, finding.setting) == ("field-fixed", str(ref), setting)


def test_a_volume_on_another_node() -> None:
    settings = configured(LOCAL)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-9"]}
    terms = [{"matchExpressions": [here]}]
    live = live_of(planned(settings), VOLUME, nodeAffinity__required__nodeSelectorTerms=terms)
    (finding,) = found(settings, live)
    assert (finding.values["found"], finding.values["wanted"], finding.setting) == (
        "talos-9",
        "talos-1",
        "storage.node",
    )


def test_a_volume_of_another_kind_is_told_once() -> None:
    settings = configured(NFS)
    live = live_of(planned(settings), VOLUME, nfs=None, hostPath={"path": "/p"})
    (finding,) = found(settings, live, refusals={VOLUME: "spec is immutable"})
    assert (finding.code, finding.subject) == ("volume-kind-fixed", str(VOLUME))
    assert (finding.values["found"], finding.values["wanted"]) == ("hostPath", "nfs")


def test_what_may_be_added_is_no_problem() -> None:
    settings = configured()
    plan = planned(settings)
    bare = live_of(plan, VOLUME, claimRef=None, nodeAffinity=None, hostPath__type="")
    assert problems(settings, bare | live_of(plan, CLAIM, volumeName=None)) == []


def test_an_unset_storage_class_may_be_set() -> None:
    """The API server lets it: the claim was made where no class was the default one."""
    settings = configured()
    assert problems(settings, live_of(planned(settings), CLAIM, storageClassName=None)) == []


@pytest.mark.parametrize(("written", "stored"), [("1024Gi", "1Ti"), ("1000G", "1T")])
def test_a_capacity_that_the_api_server_writes_differently(written: str, stored: str) -> None:
    settings = configured({**NFS, "capacity": written})
    assert problems(settings, live_of(planned(settings), CLAIM, resources__requests__storage=stored)) == []


def test_immichs_own_volume_names_its_own_settings() -> None:
    settings = configured(CSI)
    ref = Ref("v1", "PersistentVolume", "icloud-photos-shared-immich")
    live = live_of(planned(settings), ref, csi__volumeHandle="z", claimRef__namespace="old")
    assert [(one.values["field"], one.setting) for one in found(settings, live)] == [
        ("csi.volumeHandle", "storage.immichVolumeHandle"),
        ("claimRef.namespace", "immich.namespace"),
    ]


def test_a_refusal_in_the_api_servers_words() -> None:
    settings = configured()
    live = live_of(planned(settings), INGRESS)
    (finding,) = found(settings, live, refusals={INGRESS: "admission webhook denied the request"})
    assert (finding.code, finding.subject, finding.setting) == ("refused", str(INGRESS), "route.name")
    assert finding.values["reason"] == "admission webhook denied the request"


def test_a_job_that_cannot_be_recreated_is_removed_by_hand() -> None:
    settings = configured()
    live = live_of(planned(settings), JOB)
    assert problems(settings, live, refusals={JOB: "field is immutable"}) == [("job-refused", str(JOB))]


# others


def other_ingress(host: str, name: str = "photos") -> Manifest:
    return manifest("networking.k8s.io/v1", "Ingress", name, "immich", spec={"rules": [{"host": host}, {}]})


def test_another_ingress_serves_the_host() -> None:
    seen = facts(ingresses=(other_ingress("immich.example.com"),))
    for route in ({"kind": "ingress"}, {"kind": "gateway", "gateway": "g", "gatewayNamespace": "g"}):
        assert problems(configured(route=route), {}, seen) == [("host-taken", "Ingress immich/photos")]


def test_other_hosts_and_our_own_ingress_are_no_problem() -> None:
    own = other_ingress("immich.example.com", "immich-ingress")
    nothing = other_ingress("x.example.com") | {"spec": {"defaultBackend": {}}}
    assert problems(configured(), {}, facts(ingresses=(own, other_ingress("mealie.example.com"), nothing))) == []


def test_problems_and_warnings_of_fragments_are_passed_on() -> None:
    ref = Ref("v1", "Namespace", "immich")
    trials = {ref: FragmentDryRun(namespace(), (OBJECT_MISSING.found(ref),), warnings=("webhook is slow",))}
    refused, warned = found(configured(), {}, trials=trials)
    assert refused == OBJECT_MISSING.found(ref)
    assert (warned.code, warned.subject, warned.values["warning"]) == ("entries-warned", str(ref), "webhook is slow")


# adoption


def test_adoption_with_nothing_left() -> None:
    settings = configured(adoptExisting=True)
    assert warnings(settings, live_of(planned(settings), VOLUME)) == [("nothing-to-adopt", "adoptExisting")]


def test_adoption_names_what_it_takes() -> None:
    settings = configured(adoptExisting=True)
    trial = FragmentDryRun(deployment(patched=True), adopted="Deployment immich/immich-server: volumes[icloud-import]")
    live = by_hand(live_of(planned(settings), VOLUME))
    mount = Ref("apps/v1", "Deployment", "immich-server", "immich")
    assert warnings(settings, live, trials={mount: trial}) == [
        ("disk-marked", "/var/mnt/photos"),
        ("adopted", str(VOLUME)),
        ("entries-adopted", ""),
    ]


@pytest.mark.parametrize(
    ("adopted", "codes"), [("volumes[icloud-import]", ["disk-marked", "entries-adopted"]), ("", ["nothing-to-adopt"])]
)
def test_adoption_of_entries_alone(adopted: str, codes: list[str]) -> None:
    mount = Ref("apps/v1", "Deployment", "immich-server", "immich")
    trial = FragmentDryRun(deployment(patched=True), adopted=adopted)
    assert [code for code, _ in warnings(configured(adoptExisting=True), {}, trials={mount: trial})] == codes


def test_adoption_names_what_a_later_change_drops() -> None:
    settings = configured(adoptExisting=True)
    fields: Manifest = {
        "f:metadata": {
            "f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}, "f:note": {}},
            "f:labels": {".": {}, "f:team": {}},
        },
        "f:spec": {
            "f:hostPath": {".": {}, "f:path": {}, "f:type": {}},
            "f:mountOptions": {},
            "f:volumeMode": {},
            "f:claimRef": {".": {}, "f:name": {}},
            "f:csi": {".": {}, "f:volumeAttributes": {".": {}}},
        },
    }
    live = by_hand(live_of(planned(settings), VOLUME, hostPath__type="", volumeMode="Filesystem"), fields)
    *_, finding = found(settings, live)
    assert (finding.code, finding.subject) == ("fields-dropped", str(VOLUME))
    assert finding.values["fields"] == (
        "metadata.annotations.note, metadata.labels.team, spec.csi.volumeAttributes, spec.mountOptions"
    )


def test_what_controllers_set_is_not_dropped() -> None:
    settings = configured(adoptExisting=True)
    live = by_hand(live_of(planned(settings), VOLUME), {"f:spec": {"f:mountOptions": {}}})
    live[VOLUME]["metadata"]["managedFields"][0]["manager"] = "kube-controller-manager"
    live[VOLUME]["metadata"]["managedFields"] += [
        managed("kubectl-edit", {"f:metadata": {"f:labels": {".": {}}}}),
        managed("kubectl-edit", {"f:status": {"f:phase": {}}}) | {"subresource": "status"},
    ]
    assert len(warnings(settings, live)) == 2


def test_labels_of_a_namespace_that_was_found_are_not_dropped() -> None:
    ref = Ref("v1", "Namespace", "photo-sync")
    settings = configured(adoptExisting=True)
    plan = planned(settings, adopted=frozenset({ref}))
    live = {ref: namespace("photo-sync", {"team": "home"})}
    assert warnings(settings, live, plan=plan)[1:] == [("adopted", str(ref))]
    assert warnings(settings, live)[1:] == [("adopted", str(ref)), ("fields-dropped", str(ref))]


# worth knowing


def test_the_job_made_by_hand_stays() -> None:
    settings = configured()
    job = manifest("batch/v1", "Job", JOB.name, "photo-sync")
    plan = planned(settings, job_by_hand=True)
    (finding,) = found(settings, {}, facts(directory_job=job), plan)
    assert (finding.code, finding.values["ours"]) == ("job-by-hand", plan.directory_job.ref.name)
    assert plan.directory_job.ref.name.startswith("create-icloud-directory-")


@pytest.mark.parametrize("stack", [STACK, "immich-icloud/cabin"])
def test_a_stacks_own_job_is_not_worth_a_word(stack: str) -> None:
    settings = configured()
    job = managed_object(planned(settings), JOB).manifest
    job = {**job, "metadata": {**job["metadata"], "annotations": {STACK_MARK: stack}}}
    assert warnings(settings, {}, facts(directory_job=job)) == []


def test_nothing_keeps_immich_on_the_node_of_the_photos() -> None:
    assert warnings(configured(), {}, facts(nodes=("talos-1", "talos-2"))) == [("immich-on-any-node", "storage.kind")]


@pytest.mark.parametrize("pinned", ["nodeName", "nodeSelector", "affinity"])
def test_a_pinned_immich_stays(pinned: str) -> None:
    immich = deployment()
    immich["spec"]["template"]["spec"][pinned] = {"a": "b"}
    assert warnings(configured(), {}, facts(nodes=("talos-1", "talos-2"), workloads=(immich,))) == []


def test_a_local_volume_keeps_immich_there() -> None:
    assert warnings(configured(LOCAL), {}, facts(nodes=("talos-1", "talos-2"))) == []


def test_a_volume_tied_to_a_deleted_claim() -> None:
    live = live_of(planned(configured()), VOLUME)
    live[VOLUME]["spec"]["claimRef"]["uid"] = "of-yesterday"
    live[VOLUME]["status"] = {"phase": "Released"}
    assert problems(configured(), live) == [("volume-released", str(VOLUME))]


@pytest.mark.parametrize("status", [{"phase": "Bound"}, {"phase": "Available"}, {}], ids=str)
def test_a_volume_of_another_claim_is_not_untied(status: Manifest) -> None:
    """To untie it would let that claim's pods lose their photos."""
    live = live_of(planned(configured()), VOLUME, claimRef__name="icloudpd", claimRef__uid="of-icloudpd")
    live[VOLUME]["status"] = status
    assert problems(configured(), live) == [("field-fixed", str(VOLUME))]


def test_a_managed_namespace_without_its_annotation_is_not_adopted() -> None:
    ref = Ref("v1", "Namespace", "photo-sync")
    live = {ref: namespace("photo-sync") | {"kind": "Namespace"}}
    live[ref]["metadata"]["managedFields"] = [{"manager": "immich-icloud", "operation": "Apply"}]
    finding, *_ = found(configured(adoptExisting=True), live)
    assert (finding.code, finding.subject) == ("mark-lost", str(ref))
    assert "immich-icloud/stack=immich-icloud/test`" in finding.remedy
