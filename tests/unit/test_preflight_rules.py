"""What preflight says, word for word, and when it keeps quiet. No cluster: facts and answers are made here."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import Ref
from components.ownership import Ownership
from components.plan import Found, Plan, Whole, plan
from preflight import rules
from preflight.facts import Answers, Facts
from providers.fragment import Trial
from settings import Settings
from tests.accounts import household
from tests.objects import ARGOCD, STACK, Manifest, deployment, managed, namespace
from tests.unit.configured import ON_HOST, configured

OWNED: Manifest = {**ON_HOST, "owner": {"uid": 1000, "gid": 1000}}
LOCAL: Manifest = {**ON_HOST, "kind": "local"}
NFS: Manifest = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos"}
CSI: Manifest = {"kind": "csi", "driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"}
VOLUME = Ref("v1", "PersistentVolume", "icloud-photos-shared")
CLAIM = Ref("v1", "PersistentVolumeClaim", "icloud-photos", "photo-sync")
INGRESS = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
JOB = Ref("batch/v1", "Job", "create-icloud-directory", "photo-sync")
HANDOVER = (
    " is tracked by ArgoCD, which would undo what we do or remove it. Hand it over in this order: 1. annotate "
    "it in git with "
    "argocd.argoproj.io/sync-options: Prune=false and let ArgoCD sync; 2. take it out of the kustomization and "
    "let ArgoCD "
    "sync: it stays, untracked (if the annotation argocd.argoproj.io/tracking-id stays, remove it with kubectl "
    "annotate); "
    "3. set immich-icloud:adoptExisting to true for one `up`"
)


def facts(**more: Any) -> Facts:
    service = {"spec": {"ports": [{"port": 3001}, {"port": 9100}]}}
    there = Facts(namespace(), deployment(), service, None, None, nodes=("talos-1",))
    return replace(there, **more)


def planned(settings: Settings, **more: Any) -> Plan:
    found = Found("immich-server", job_by_hand=bool(more.pop("job_by_hand", False)))
    return plan(settings, found, Ownership(STACK, adopting=settings.adopt_existing, **more))


def whole(plan: Plan, ref: Ref) -> Whole:
    return next(whole for whole in plan.wholes() if whole.ref == ref)


def live_of(plan: Plan, ref: Ref, **spec: Any) -> dict[Ref, Manifest]:
    """An object as this stack made it, but for some fields of its spec; None removes one."""
    live = deepcopy(whole(plan, ref).manifest)
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
    """The same objects as somebody made them with kubectl."""
    for thing in live.values():
        thing["metadata"] = {k: v for k, v in thing["metadata"].items() if k != "annotations"} | metadata
        if fields:
            thing["metadata"]["managedFields"] = [managed("kubectl-client-side-apply", fields)]
    return live


def problems(settings: Settings, live: dict[Ref, Manifest], seen: Facts | None = None, **more: Any) -> list[str]:
    return rules.problems(settings, seen or facts(), planned(settings), Answers(live, **more))


def warnings(settings: Settings, live: dict[Ref, Manifest], seen: Facts | None = None, **more: Any) -> list[str]:
    return rules.warnings(settings, seen or facts(), planned(settings), Answers(live, **more))


# what has to be there


def test_nothing_is_missing() -> None:
    assert rules.missing(configured(), facts()) == []


@pytest.mark.parametrize(
    ("more", "seen", "sentence"),
    [
        (
            {},
            {"namespace": None, "deployment": None, "service": None, "nodes": ()},
            "immich.namespace: the cluster has no namespace immich. Deploy Immich first, or name its namespace",
        ),
        (
            {},
            {"deployment": None},
            "immich.deployment: namespace immich has no Deployment immich-server. "
            "`kubectl get deployments -n immich` lists those that it has",
        ),
        (
            {"immich": {"mount": {"container": "server"}}},
            {},
            "immich.mount.container: Deployment immich/immich-server has no container server. It has: immich-server",
        ),
        (
            {},
            {"service": None},
            "immich.service.name: namespace immich has no Service immich-server. "
            "`kubectl get services -n immich` lists those that it has",
        ),
        (
            {"immich": {"service": {"port": 2283}}},
            {},
            "immich.service.port: Service immich/immich-server has no port 2283. It has: 3001, 9100",
        ),
        (
            {},
            {"nodes": ("talos-2", "talos-3")},
            "storage.node: the cluster has no node talos-1 (label kubernetes.io/hostname). It has: talos-2, talos-3",
        ),
    ],
    ids=["namespace", "deployment", "container", "service", "port", "node"],
)
def test_missing(more: Manifest, seen: Manifest, sentence: str) -> None:
    assert rules.missing(configured(**more), facts(**seen)) == [f"immich-icloud:{sentence}"]


def test_a_network_volume_needs_no_node() -> None:
    assert rules.missing(configured(NFS), facts(nodes=())) == []


# the session's volume


LOCAL_PATH: Manifest = {"metadata": {"name": "local-path"}}
DEFAULT: Manifest = {
    "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
}
STORAGE_CLASS = "immich-icloud:photoSync.cookieVolume.storageClass: the cluster has no "


@pytest.mark.parametrize(
    ("wanted", "seen", "sentences"),
    [
        (None, {"storage_classes": (LOCAL_PATH, DEFAULT)}, []),
        ("local-path", {"storage_classes": (LOCAL_PATH,)}, []),
        ("by-hand", {"volume_classes": frozenset({"by-hand"})}, []),
        (
            None,
            {"storage_classes": (LOCAL_PATH,)},
            [f"{STORAGE_CLASS}default StorageClass. Name one. It has: local-path"],
        ),
        (
            "slow",
            {"storage_classes": (LOCAL_PATH,)},
            [f"{STORAGE_CLASS}StorageClass slow, and no PersistentVolume of that class. It has: local-path"],
        ),
        (
            None,
            {"volume_classes": frozenset({"by-hand"})},
            [
                f"{STORAGE_CLASS}StorageClass. Install one (local-path-provisioner will do), or make a "
                "PersistentVolume of 64Mi for each account, with a storageClassName of your own, and name that here"
            ],
        ),
    ],
    ids=["default", "named", "by hand", "no default", "unknown", "none"],
)
def test_a_session_needs_a_volume(wanted: str | None, seen: Manifest, sentences: list[str]) -> None:
    cookie_volume = {"storageClass": wanted} if wanted else {}
    assert rules.missing(household(storage=OWNED, cookieVolume=cookie_volume), facts(**seen)) == sentences


def test_a_stack_without_accounts_needs_none() -> None:
    assert rules.missing(configured(), facts(storage_classes=(LOCAL_PATH,))) == []


COOKIES = Ref("v1", "PersistentVolumeClaim", "icloud-cookies-anna", "photo-sync")
CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-anna", "photo-sync")


def test_what_the_cluster_fills_in_is_no_problem() -> None:
    settings = household(storage=OWNED)
    live = live_of(planned(settings), COOKIES, storageClassName="fast", volumeName="pvc-1")
    assert problems(settings, live) == []


def test_a_sessions_volume_stays_as_it_was_made() -> None:
    settings = household(storage=OWNED, cookieVolume={"storageClass": "fast"})
    live = live_of(planned(settings), COOKIES, storageClassName="slow", resources__requests__storage="1Gi")
    assert problems(settings, live) == [
        f'{COOKIES}: resources.requests.storage is "1Gi" and can\'t be changed to "64Mi". '
        "Set immich-icloud:photoSync.cookieVolume.capacity to what is there",
        f'{COOKIES}: storageClassName is "slow" and can\'t be changed to "fast". '
        "Set immich-icloud:photoSync.cookieVolume.storageClass to what is there",
    ]


@pytest.mark.parametrize(
    ("changed", "now"),
    [
        (household({"name": "anna", "folderStructure": "{:%Y}"}, storage=OWNED), "icloud-import {:%Y} Etc/UTC"),
        (household(storage=OWNED, timeZone="Europe/Berlin"), "icloud-import {:%Y/%m/%d} Europe/Berlin"),
        (household({"name": "ben"}, {"name": "anna"}, storage=OWNED), "icloud-import-anna {:%Y/%m/%d} Etc/UTC"),
    ],
    ids=["folder structure", "time zone", "order"],
)
def test_photos_that_would_be_fetched_again(changed: Settings, now: str) -> None:
    live = live_of(planned(household(storage=OWNED)), CRON_JOB)
    assert problems(changed, live) == [], "nothing has been imported yet"
    live[CRON_JOB]["status"] = {"lastSuccessfulTime": "2026-11-01T02:10:00Z"}
    assert problems(changed, live) == [
        f'{CRON_JOB} has imported photos to "icloud-import {{:%Y/%m/%d}} Etc/UTC" and would go on in "{now}" (folder, '
        "folderStructure, time zone): every photo would be fetched again, beside the first copy. Set them, and the "
        "order of immich-icloud:photoSync.accounts, back"
    ]
    assert problems(household(storage=OWNED, schedule="0 3 * * *"), live) == []


# whose it is


@pytest.mark.parametrize(
    "settings",
    [configured(ON_HOST), configured(LOCAL), configured(NFS), configured(CSI), household()],
    ids=["hostPath", "local", "nfs", "csi", "accounts"],
)
def test_what_this_stack_made_is_no_problem(settings: Settings) -> None:
    plan = planned(settings)
    live = {whole.ref: deepcopy(whole.manifest) for whole in plan.wholes()}
    assert problems(settings, live) == []
    assert warnings(settings, live) == []


def test_an_object_made_by_hand() -> None:
    settings = configured()
    live = by_hand(live_of(planned(settings), VOLUME))
    assert problems(settings, live) == [
        "PersistentVolume icloud-photos-shared exists and was not made by this stack. To take it over, set "
        "immich-icloud:adoptExisting to true for one `up`, or choose another immich-icloud:storage.persistentVolume"
    ]
    assert problems(configured(adoptExisting=True), live) == []


@pytest.mark.parametrize("adopt", [False, True])
def test_an_object_of_another_stack(adopt: bool) -> None:  # noqa: FBT001
    settings = configured(adoptExisting=adopt)
    live = live_of(planned(settings), INGRESS)
    live[INGRESS]["metadata"]["annotations"] = {"immich-icloud/stack": "immich-icloud/other"}
    assert problems(settings, live) == [
        "Ingress immich/immich-ingress belongs to the stack immich-icloud/other. Remove it there first, or "
        "choose another immich-icloud:route.name. If this is that stack under a new name: `kubectl annotate "
        "--overwrite ingress immich-ingress -n immich immich-icloud/stack=immich-icloud/test`"
    ]


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"argocd.argoproj.io/tracking-id": "immich:…"}},
        {"labels": {"app.kubernetes.io/instance": "immich"}, "managedFields": [managed(ARGOCD, {}, "Apply")]},
        {"labels": {"argocd.argoproj.io/instance": "immich"}, "managedFields": [managed(ARGOCD, {})]},
    ],
    ids=["tracking-id", "instance label", "its own label"],
)
def test_tracked_by_argocd(metadata: Manifest) -> None:
    settings = configured(adoptExisting=True)
    live = by_hand(live_of(planned(settings), INGRESS), **metadata)
    assert problems(settings, live) == [f"{INGRESS}{HANDOVER}"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"app.kubernetes.io/instance": "immich"}},
        {"labels": {"app": "immich"}, "managedFields": [managed(ARGOCD, {}, "Apply")]},
    ],
    ids=["label of a chart", "applied once"],
)
def test_not_tracked_by_argocd(metadata: Manifest) -> None:
    settings = configured(adoptExisting=True)
    assert problems(settings, by_hand(live_of(planned(settings), INGRESS), **metadata)) == []


# what can't be changed


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
    found, wanted, setting = sentence.split(" * ")
    live = live_of(planned(settings), ref, **{field.replace(".", "__"): value})
    assert problems(settings, live) == [
        f"{ref}: {field} is {found} and can't be changed to {wanted}. Set immich-icloud:{setting} to what is there"
    ]


def test_a_volume_on_another_node() -> None:
    settings = configured(LOCAL)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-9"]}
    terms = [{"matchExpressions": [here]}]
    live = live_of(planned(settings), VOLUME, nodeAffinity__required__nodeSelectorTerms=terms)
    assert problems(settings, live) == [
        f"{VOLUME}: nodeAffinity.required.nodeSelectorTerms is talos-9 and can't be changed to talos-1. "
        "Set immich-icloud:storage.node to what is there"
    ]


def test_a_volume_of_another_kind_is_told_once() -> None:
    settings = configured(NFS)
    live = live_of(planned(settings), VOLUME, nfs=None, hostPath={"path": "/p"})
    assert problems(settings, live, refusals={VOLUME: "spec is immutable"}) == [
        f"{VOLUME} is a volume of kind hostPath, which can't be changed to nfs. Set immich-icloud:storage.kind "
        f"to hostPath, "
        "or choose another immich-icloud:storage.persistentVolume"
    ]


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
    assert problems(settings, live) == [
        f'{ref}: csi.volumeHandle is "z" and can\'t be changed to "b". '
        "Set immich-icloud:storage.immichVolumeHandle to what is there",
        f'{ref}: claimRef.namespace is "old" and can\'t be changed to "immich". '
        "Set immich-icloud:immich.namespace to what is there",
    ]


def test_a_refusal_in_the_api_servers_words() -> None:
    settings = configured()
    live = live_of(planned(settings), INGRESS)
    assert problems(settings, live, refusals={INGRESS: "admission webhook denied the request"}) == [
        "Ingress immich/immich-ingress (named by immich-icloud:route.name): the API server refuses it: "
        "admission webhook denied the request"
    ]


def test_a_job_that_can_not_be_made_anew_is_removed_by_hand() -> None:
    settings = configured()
    assert problems(settings, live_of(planned(settings), JOB), refusals={JOB: "field is immutable"}) == [
        f"{JOB} has another template than it would get, and the state does not know it, so it is not made anew. It has "
        "done its work: `kubectl delete job -n photo-sync create-icloud-directory`, then go on"
    ]


# others


def other_ingress(host: str, name: str = "photos") -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "immich"},
        "spec": {"rules": [{"host": host}, {}]},
    }


def test_another_ingress_serves_the_host() -> None:
    seen = facts(ingresses=(other_ingress("immich.example.com"),))
    sentence = (
        "immich-icloud:host: immich.example.com is served by Ingress immich/photos already. Choose another "
        "host, or name "
        "that Ingress in immich-icloud:route.name to take it over"
    )
    for route in ({"kind": "ingress"}, {"kind": "gateway", "gateway": "g", "gatewayNamespace": "g"}):
        assert problems(configured(route=route), {}, seen) == [sentence]


def test_other_hosts_and_our_own_ingress_are_no_problem() -> None:
    own = other_ingress("immich.example.com", "immich-ingress")
    nothing = other_ingress("x.example.com") | {"spec": {"defaultBackend": {}}}
    assert problems(configured(), {}, facts(ingresses=(own, other_ingress("mealie.example.com"), nothing))) == []


def test_problems_and_warnings_of_fragments_are_passed_on() -> None:
    ref = Ref("v1", "Namespace", "immich")
    trials = {ref: Trial(namespace(), ("it is held",), warnings=("webhook is slow",))}
    assert problems(configured(), {}, trials=trials) == ["it is held"]
    assert warnings(configured(), {}, trials=trials) == ["Namespace immich: webhook is slow"]


# adoption


NOTHING_LEFT = (
    "immich-icloud:adoptExisting has nothing left to take over. Remove it from the stack file: while it is set, a "
    "directory without its mark is marked"
)


def test_adoption_with_nothing_left() -> None:
    settings = configured(adoptExisting=True)
    assert warnings(settings, live_of(planned(settings), VOLUME)) == [NOTHING_LEFT]


def test_adoption_names_what_it_takes() -> None:
    settings = configured(adoptExisting=True)
    trial = Trial(deployment(patched=True), taken_over="Deployment immich/immich-server: volumes[icloud-import]")
    live = by_hand(live_of(planned(settings), VOLUME))
    mount = Ref("apps/v1", "Deployment", "immich-server", "immich")
    assert warnings(settings, live, trials={mount: trial}) == [
        "/var/mnt/photos is marked as the disk of the photos, if it exists",
        "PersistentVolume icloud-photos-shared is taken over, and kept when this stack is removed",
        "taken over, and removed with this stack: Deployment immich/immich-server: volumes[icloud-import]",
    ]


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
        },
    }
    live = by_hand(live_of(planned(settings), VOLUME, hostPath__type="", volumeMode="Filesystem"), fields)
    assert warnings(settings, live)[2:] == [
        "PersistentVolume icloud-photos-shared: what was set by hand and this stack lacks goes with a later change: "
        "metadata.annotations.note, metadata.labels.team, spec.mountOptions"
    ]


def test_what_controllers_set_is_not_dropped() -> None:
    settings = configured(adoptExisting=True)
    live = by_hand(live_of(planned(settings), VOLUME), {"f:spec": {"f:mountOptions": {}}})
    live[VOLUME]["metadata"]["managedFields"][0]["manager"] = "kube-controller-manager"
    assert len(warnings(settings, live)) == 2


def test_labels_of_a_namespace_that_was_found_are_not_dropped() -> None:
    ref = Ref("v1", "Namespace", "photo-sync")
    settings = configured(adoptExisting=True)
    plan = planned(settings, adopted=frozenset({ref}))
    live = {ref: namespace("photo-sync", {"team": "home"})}
    assert rules.warnings(settings, facts(), plan, Answers(live))[1:] == [
        "Namespace photo-sync is taken over, and kept when this stack is removed"
    ]


# worth knowing


def test_the_job_made_by_hand_stays() -> None:
    settings = configured()
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": JOB.name, "namespace": "photo-sync"}}
    plan = planned(settings, job_by_hand=True)
    (sentence,) = rules.warnings(settings, facts(directory_job=job), plan, Answers())
    assert sentence == (
        "Job photo-sync/create-icloud-directory was made by hand and stays as it is; ours is named "
        f"{plan.directory_job.ref.name}. Remove the old one when you like"
    )
    assert plan.directory_job.ref.name.startswith("create-icloud-directory-")


def test_our_own_job_is_not_worth_a_word() -> None:
    settings = configured()
    job = whole(planned(settings), JOB).manifest
    assert warnings(settings, {}, facts(directory_job=job)) == []


def test_nothing_keeps_immich_on_the_node_of_the_photos() -> None:
    sentence = (
        "the photos lie on talos-1, and nothing keeps Immich's pod there: it starts nowhere else. Set "
        "immich-icloud:storage.kind to local, which does, or give the Deployment a nodeSelector"
    )
    assert warnings(configured(), {}, facts(nodes=("talos-1", "talos-2"))) == [sentence]


@pytest.mark.parametrize("pinned", ["nodeName", "nodeSelector", "affinity"])
def test_a_pinned_immich_stays(pinned: str) -> None:
    immich = deployment()
    immich["spec"]["template"]["spec"][pinned] = {"a": "b"}
    assert warnings(configured(), {}, facts(nodes=("talos-1", "talos-2"), deployment=immich)) == []


def test_a_local_volume_keeps_immich_there() -> None:
    assert warnings(configured(LOCAL), {}, facts(nodes=("talos-1", "talos-2"))) == []


# what stands where the mount goes


def immich_with(volume: Manifest, mount: Manifest) -> Facts:
    immich = deployment()
    pod = immich["spec"]["template"]["spec"]
    pod["volumes"].append(volume)
    pod["containers"][0]["volumeMounts"].append(mount)
    return facts(deployment=immich)


def test_a_hand_made_volume_of_another_path_is_not_repointed() -> None:
    seen = immich_with(
        {"name": "icloud-import", "hostPath": {"path": "/mnt/old"}},
        {"name": "icloud-import", "mountPath": "/external/icloud", "subPath": "photos"},
    )
    assert problems(configured(adoptExisting=True), {}, seen) == [
        'Deployment immich/immich-server: its volume icloud-import is "/mnt/old" and would become "/var/mnt/photos". '
        "Set immich-icloud:storage.path to what is there, or choose another immich-icloud:immich.mount.volume",
        "Deployment immich/immich-server: its mount /external/icloud shows a part of a volume (subPath), "
        "ours would show all. Remove it first",
    ]


@pytest.mark.parametrize("at", ["/external", "/external/icloud/family"])
def test_no_mount_within_a_mount(at: str) -> None:
    seen = immich_with({"name": "own", "emptyDir": {}}, {"name": "own", "mountPath": at})
    assert problems(configured(), {}, seen) == [
        f"immich-icloud:immich.mount.path: /external/icloud and Immich's own mount {at} lie within each other. "
        "Choose a path beside it"
    ]


def test_a_volume_tied_to_a_deleted_claim() -> None:
    live = live_of(planned(configured()), VOLUME)
    live[VOLUME]["spec"]["claimRef"]["uid"] = "of-yesterday"
    assert problems(configured(), live) == [
        "PersistentVolume icloud-photos-shared is still tied to a claim that was deleted. Its photos are safe. "
        "Untie it: kubectl patch pv icloud-photos-shared --type=json "
        """-p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""
    ]


def test_a_namespace_of_ours_that_lost_its_mark_is_not_adopted() -> None:
    ref = Ref("v1", "Namespace", "photo-sync")
    live = {ref: namespace("photo-sync") | {"kind": "Namespace"}}
    live[ref]["metadata"]["managedFields"] = [{"manager": "immich-icloud", "operation": "Apply"}]
    assert problems(configured(adoptExisting=True), live) == [
        "Namespace photo-sync was made by this project and has lost its annotation. Put it back: "
        "`kubectl annotate --overwrite namespace photo-sync immich-icloud/stack=immich-icloud/test`"
    ]
