"""A claim that is there: used as it is, by sync, Jobs and Immich, and neither changed nor removed."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from components.immich_mount import lacking
from components.names import names
from components.plan import Plan
from observe import Observed, cluster
from observe.cluster import ClusterSeen
from observe.existing import ExistingSeen, modes, read_existing
from observe.planned import planned
from ops import verify_role
from preflight import missing_rules, rules
from preflight.dry_runs import Answers
from settings import Settings
from tests.accounts import household
from tests.fake_cluster import FakeCluster
from tests.findings import Told, told
from tests.objects import STACK, deployment, manifest, namespace, service
from text.finding import Severity

OWNER = {"uid": 1000, "gid": 1000}
IN_IMMICHS: Manifest = {
    "kind": "existing",
    "claim": {"namespace": "immich", "name": "library", "subPath": "icloud"},
    "owner": OWNER,
}
ELSEWHERE: Manifest = {
    "kind": "existing",
    "claim": {"namespace": "icloudpd", "name": "photos"},
    "immichClaim": {"name": "icloud", "subPath": "photos"},
    "owner": OWNER,
}
CLAIM = Ref("v1", "PersistentVolumeClaim", "library", "immich")
SEEN = ClusterSeen(
    namespace(), (deployment(),), (service(3001),), None, None,
    storage_classes=({"metadata": {"name": "fast"}},), volume_classes=frozenset(),
)  # fmt: skip


def stated(storage: Manifest = IN_IMMICHS) -> Settings:
    return household(storage=storage, cookieVolume={"storageClass": "fast"})


def plan_of(settings: Settings, existing: ExistingSeen | None = None, **seen: Any) -> Plan:
    return planned(settings, STACK, Observed(replace(SEEN, existing=existing, **seen)))


def claim(*modes: str, **spec: Any) -> Manifest:
    stated = {"accessModes": list(modes), "volumeName": "pv", **spec}
    return manifest("v1", "PersistentVolumeClaim", CLAIM.name, CLAIM.namespace, spec=stated)


def volume(**spec: Any) -> Manifest:
    return manifest("v1", "PersistentVolume", "pv", spec=spec)


def pod(name: str, node: str, **more: Any) -> Manifest:
    container = {"name": "one", "image": more.pop("image", "busybox")}
    spec = {"nodeName": node, "containers": [container], **more}
    return manifest("v1", "Pod", name, "immich", spec=spec, status={"phase": "Running"})


USING: Manifest = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": CLAIM.name}}]}
NODE = manifest("v1", "Node", "n1", metadata={"labels": {"kubernetes.io/hostname": "n1.lan"}})
SERVER = "ghcr.io/immich-app/immich-server:v2.4.1"
WRITABLE = ExistingSeen(claim("ReadWriteMany"), claim("ReadWriteMany"))


# what is stated


@pytest.mark.parametrize("storage", [IN_IMMICHS, ELSEWHERE], ids=["in Immich's namespace", "elsewhere"])
def test_neither_claim_volume_nor_namespace_is_stated(storage: Manifest) -> None:
    settings = stated(storage)
    ours = plan_of(settings)
    kinds = [managed.ref for managed in ours.managed_objects()]
    assert not {"Namespace", "PersistentVolume"} & {ref.kind for ref in kinds}
    assert [ref.name for ref in kinds if ref.kind == "PersistentVolumeClaim"] == ["icloud-cookies-anna"]
    assert {ref.namespace for ref in kinds if ref.namespace} == {storage["claim"]["namespace"], "immich"}
    job = ours.directory_job.ref
    assert {*map(str, names(settings)), str(job)} == {*map(str, kinds)}


def test_sync_and_jobs_mount_the_claim_and_immich_reads_it() -> None:
    ours = plan_of(stated())
    assert ours.sync
    (sync,) = ours.sync.pods()
    job = ours.directory_job.manifest["spec"]["template"]["spec"]
    mount = ours.mounts[0]["spec"]["template"]["spec"]
    for one in (sync, job, mount):
        (used,) = (v["persistentVolumeClaim"] for v in one["volumes"] if "persistentVolumeClaim" in v
                   and not v["persistentVolumeClaim"]["claimName"].startswith("icloud-cookies"))  # fmt: skip
        assert used["claimName"] == "library"
        for container in [*one.get("initContainers", []), *one["containers"]]:
            shown = [m for m in container["volumeMounts"] if m["name"] in {"photos", "icloud-import"}]
            assert [m.get("subPath") for m in shown] == ["icloud"]
    assert ours.outputs.claim == "immich/library"


def test_nothing_is_given_to_the_owner() -> None:
    job = plan_of(stated()).directory_job.manifest["spec"]["template"]["spec"]
    assert "initContainers" not in job
    (container,) = job["containers"]
    assert container["securityContext"]["runAsUser"] == 1000
    assert {"name": "OWNER", "value": ""} in container["env"]


def test_immich_reads_its_own_claim_of_the_same_directory() -> None:
    mount = plan_of(stated(ELSEWHERE)).mounts[0]["spec"]["template"]["spec"]
    assert mount["volumes"][0]["persistentVolumeClaim"] == {"claimName": "icloud", "readOnly": True}
    assert mount["containers"][0]["volumeMounts"][0]["subPath"] == "photos"


def test_the_id_outlives_the_stack_in_one_namespace_too() -> None:
    mirror, record = (one["metadata"] for one in plan_of(stated()).disk_identity)
    assert (mirror["name"], mirror["namespace"]) != (record["name"], record["namespace"])
    assert record["name"] == "icloud-directory"


def test_the_startup_check_and_the_policy_know_the_part() -> None:
    ours = plan_of(stated())
    (fragment,) = ours.mounts
    live = deepcopy(fragment["spec"]["template"]["spec"])
    assert list(lacking(fragment, live)) == []
    live["containers"][0]["volumeMounts"][0]["subPath"] = "else"
    assert len(list(lacking(fragment, live))) == 1
    assert ours.mount_policy
    expression = ours.mount_policy[0].manifest["spec"]["validations"][0]["expression"]
    assert 'm.subPath == "icloud"' in expression


def test_no_label_of_a_namespace_is_needed() -> None:
    """Claims pass at the strictest PodSecurity level."""
    for storage in (IN_IMMICHS, ELSEWHERE):
        ours = plan_of(stated(storage))
        assert (ours.immich_entries, ours.photo_sync_entries) == (None, None)


# what is looked at


def house(*things: Manifest) -> FakeCluster:
    api = FakeCluster()
    for thing in things:
        api.objects[Ref.of(thing)] = thing
    return api


def test_the_cluster_is_asked_for_claim_and_volume() -> None:
    there = house(claim("ReadWriteMany"), volume(persistentVolumeReclaimPolicy="Delete"), namespace())
    seen = cluster.read_cluster(there, stated()).existing
    assert seen
    assert seen.claim == claim("ReadWriteMany")
    assert seen.volume
    assert (seen.read, seen.node) == (seen.claim, "")


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([pod("a", "n1", **USING), pod("b", "n2", image=SERVER)], {"n1"}),
        ([pod("a", "n1"), pod("b", "n2", image=SERVER)], {"n2"}),
        ([pod("a", "n1", **USING), pod("b", "n2", **USING)], {"n1", "n2"}),
        ([pod("a", "n1")], set()),
        ([pod("a", "n1", **USING) | {"status": {"phase": "Failed"}}, pod("b", "n2", image=SERVER)], {"n2"}),
        ([pod("a", "n1", containers=[{"name": "vpn", "image": "vpn"}, {"name": "b", "image": SERVER}])], {"n1"}),
        ([pod("a", "n1", **USING), NODE], {"n1.lan"}),
    ],
    ids=["in use", "Immich runs", "two nodes", "nowhere", "ended", "beside a sidecar", "a node of another name"],
)
def test_where_a_claim_of_one_node_is_in_use(pods: list[Manifest], expected: set[str]) -> None:
    seen = read_existing(house(claim("ReadWriteOnce"), *pods), stated())
    assert seen
    assert seen.nodes == expected


def test_immich_may_read_by_a_claim_of_its_own() -> None:
    ours = claim("ReadWriteMany") | {"metadata": ELSEWHERE["claim"]}
    theirs = claim("ReadOnlyMany") | {"metadata": {"name": "icloud", "namespace": "immich"}}
    seen = read_existing(house(ours, theirs), stated(ELSEWHERE))
    assert seen
    assert (seen.claim, seen.read) == (ours, theirs)


def test_the_modes_of_a_bound_claim_are_those_of_its_volume() -> None:
    assert modes(claim("ReadWriteMany") | {"status": {"accessModes": ["ReadWriteOnce"]}}) == ["ReadWriteOnce"]
    assert modes(claim("ReadWriteMany") | {"status": {"phase": "Pending"}}) == ["ReadWriteMany"]


def test_pods_go_to_that_node() -> None:
    seen = ExistingSeen(claim("ReadWriteOnce"), None, nodes=frozenset({"n1"}))
    ours = plan_of(stated(), seen)
    assert ours.sync
    for one in (*ours.sync.pods(), ours.directory_job.manifest["spec"]["template"]["spec"]):
        assert one["nodeSelector"] == {"kubernetes.io/hostname": "n1"}


def test_a_volume_that_may_not_be_read_is_not_known() -> None:
    class Forbidding(FakeCluster):
        def get(self, ref: Ref) -> Manifest | None:
            if ref.kind == "PersistentVolume":
                raise ClusterRefusedError(403, "persistentvolumes is forbidden")
            return super().get(ref)

    api = Forbidding()
    api.objects[CLAIM] = claim("ReadWriteMany")
    seen = read_existing(api, stated())
    assert seen
    assert seen.volume is None


# what is reported


def said(existing: ExistingSeen, storage: Manifest = IN_IMMICHS) -> list[Told]:
    facts = replace(SEEN, existing=existing)
    return told(missing_rules.in_cluster(stated(storage), facts))


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (WRITABLE, []),
        (replace(WRITABLE, volume=volume(nfs={"server": "nas.lan"})), []),
        (ExistingSeen(None, None), ["claim-missing"]),
        (ExistingSeen(claim("ReadOnlyMany"), None), ["claim-not-writable"]),
        (ExistingSeen(claim("ReadWriteMany"), None, volume(nfs={"readOnly": True})), ["claim-not-writable"]),
        (ExistingSeen(claim("ReadWriteOncePod"), None), ["claim-of-one-pod"]),
        (ExistingSeen(claim("ReadWriteMany", volumeMode="Block"), None), ["claim-without-files"]),
        (ExistingSeen(claim("ReadWriteOnce"), None, nodes=frozenset({"n1"})), []),
        (ExistingSeen(claim("ReadWriteOnce"), None), ["claim-node-unclear"]),
        (ExistingSeen(claim("ReadWriteOnce"), None, nodes=frozenset({"n1", "n2"})), ["claim-node-unclear"]),
        (ExistingSeen(claim("ReadWriteOnce", "ReadWriteMany"), None), []),
    ],
)
def test_a_claim_that_can_not_be_used(existing: ExistingSeen, expected: list[str]) -> None:
    assert [code for code, _ in said(existing)] == expected


def test_immichs_claim_is_missing() -> None:
    (found,) = missing_rules.in_cluster(stated(ELSEWHERE), replace(SEEN, existing=replace(WRITABLE, read=None)))
    assert (found.code, found.setting) == ("claim-missing", "storage.immichClaim")
    assert said(WRITABLE, ELSEWHERE) == []


def test_photos_that_go_with_the_claim() -> None:
    seen = replace(WRITABLE, volume=volume(persistentVolumeReclaimPolicy="Delete"))
    for existing, expected in ((seen, ["volume-deleted-with-claim"]), (WRITABLE, [])):
        facts = replace(SEEN, existing=existing)
        found = rules.findings(stated(), facts, plan_of(stated(), existing), Answers())
        assert [code for code, _ in told(found, Severity.WARNING)] == expected


def test_verify_may_read_what_is_immichs_and_the_syncs_in_one_namespace() -> None:
    roles = (one for one in verify_role.manifests(stated(), "test") if one["kind"] == "Role")
    (role,) = (one for one in roles if one["metadata"]["namespace"] != "kube-system")
    allowed = {resource for rule in role["rules"] for resource in rule["resources"]}
    assert {"deployments", "services", "cronjobs", "configmaps"} <= allowed
