"""What a volume and a claim keep when they are adopted: whatever they have but the disk that they lead to."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
from components.ownership import ADOPTED_MARK, STACK_MARK
from components.plan import Plan
from observe import Observed
from observe.cluster import ClusterSeen
from observe.planned import planned
from observe.state import Known
from preflight import rules
from preflight.dry_runs import Answers
from settings import Settings
from tests.accounts import household
from tests.findings import Told, told
from tests.objects import STACK, deployment, manifest, namespace, service
from tests.unit.configured import configured
from text.finding import Severity

SEEN = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))
VOLUME = Ref("v1", "PersistentVolume", "icloud-photos-shared")
CLAIM = Ref("v1", "PersistentVolumeClaim", "icloud-photos", "photo-sync")
EXISTS: Manifest = {
    "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}]}
}
TIED: Manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "photo-sync", "name": CLAIM.name}
# As the homelab of iteration 6 has them (reference: its public repository).
REFERENCE: Manifest = {
    "accessModes": ["ReadWriteMany"],
    "capacity": {"storage": "100Gi"},
    "claimRef": TIED | {"uid": "claim", "resourceVersion": "7"},
    "hostPath": {"path": "/var/mnt/photos", "type": "DirectoryOrCreate"},
    "nodeAffinity": EXISTS,
    "persistentVolumeReclaimPolicy": "Retain",
    "storageClassName": "icloud-shared",
    "volumeMode": "Filesystem",
}
ITS_CLAIM: Manifest = {
    "accessModes": ["ReadWriteMany"],
    "resources": {"requests": {"storage": "100Gi"}},
    "storageClassName": "icloud-shared",
    "volumeMode": "Filesystem",
    "volumeName": VOLUME.name,
}
ADOPTING = configured(adoptExisting=True)
OF_THIS_STACK = {STACK_MARK: STACK, ADOPTED_MARK: "true"}


def live(ref: Ref, spec: Manifest, annotations: dict[str, str] | None = None) -> Manifest:
    metadata, status = {"uid": "claim", "annotations": annotations or {}}, {"phase": "Bound"}
    return manifest(ref.api_version, ref.kind, ref.name, ref.namespace, metadata=metadata, spec=spec, status=status)


def reference(annotations: dict[str, str] | None = None, **of_volume: Any) -> dict[Ref, Manifest]:
    volume = deepcopy(REFERENCE) | of_volume
    return {VOLUME: live(VOLUME, volume, annotations), CLAIM: live(CLAIM, deepcopy(ITS_CLAIM), annotations)}


def plan_of(settings: Settings, there: dict[Ref, Manifest], *known: Known) -> Plan:
    return planned(settings, STACK, Observed(replace(SEEN, live=there), known=known))


def said(settings: Settings, there: dict[Ref, Manifest]) -> list[Told]:
    plan = plan_of(settings, there)
    return told(rules.findings(settings, replace(SEEN, live=there), plan, Answers(there)), Severity.PROBLEM)


def spec(plan: Plan, ref: Ref) -> Manifest:
    return next(one.manifest["spec"] for one in plan.managed_objects() if one.ref == ref)


def test_the_references_volume_and_claim_are_adopted_with_their_own_values() -> None:
    assert said(ADOPTING, reference()) == []
    plan = plan_of(ADOPTING, reference())
    # Neither what only the API server writes, nor its defaults: a state of an earlier version lacks them.
    assert spec(plan, VOLUME) == {k: v for k, v in REFERENCE.items() if k != "volumeMode"} | {"claimRef": TIED}
    assert spec(plan, CLAIM) == {k: v for k, v in ITS_CLAIM.items() if k != "volumeMode"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("accessModes", ["ReadWriteOnce"]),
        ("capacity", {"storage": "7Gi"}),
        ("mountOptions", ["noatime"]),
        ("volumeMode", "Block"),
        ("volumeAttributesClassName", "silver"),
        ("hostPath", {"path": "/var/mnt/photos/", "type": "DirectoryOrCreate"}),
        ("local", {"path": "/var/mnt/photos", "fsType": "xfs"}),
    ],
)
def test_whatever_else_a_volume_has_is_kept(field: str, value: Any) -> None:
    there = reference(**{field: value})
    if field == "local":  # a directory of the node as well
        del there[VOLUME]["spec"]["hostPath"]
    assert said(ADOPTING, there) == []
    assert spec(plan_of(ADOPTING, there), VOLUME)[field] == value


@pytest.mark.parametrize(
    ("storage", "source"),
    [
        ({"kind": "nfs", "server": "nas", "path": "/p"}, {"nfs": {"server": "nas", "path": "/p", "readOnly": True}}),
        ({"kind": "nfs", "server": "nas", "path": "/p"}, {"nfs": {"server": "NAS.", "path": "/p/"}}),
        (
            {"kind": "csi", "driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"},
            {"csi": {"driver": "smb.csi.k8s.io", "volumeHandle": "a", "nodeStageSecretRef": {"name": "nas"}}},
        ),
    ],
    ids=["nfs", "nfs in other letters", "csi"],
)
def test_the_source_of_a_network_volume_is_kept(storage: Manifest, source: Manifest) -> None:
    settings, there = configured(storage, adoptExisting=True), reference(**source)
    for other in ("hostPath", "nodeAffinity"):
        del there[VOLUME]["spec"][other]
    assert said(settings, there) == []
    assert source.items() <= spec(plan_of(settings, there), VOLUME).items()


@pytest.mark.parametrize(
    ("of_volume", "expected"),
    [
        ({"hostPath": {"path": "/var/mnt/old"}}, ("field-fixed", str(VOLUME))),
        ({"claimRef": TIED | {"name": "another"}}, ("field-fixed", str(VOLUME))),
        ({"hostPath": None, "iscsi": {"iqn": "iqn.2026-11.nas"}}, ("volume-kind-fixed", str(VOLUME))),
        (
            {
                "nodeAffinity": {
                    "required": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-9"]}
                                ]
                            }
                        ]
                    }
                }
            },
            ("field-fixed", str(VOLUME)),
        ),
    ],
    ids=["directory", "claim", "source", "node"],
)
def test_another_disk_than_the_settings_name_is_refused(of_volume: Manifest, expected: Told) -> None:
    there = reference(**of_volume)
    there[VOLUME]["spec"] = {key: value for key, value in there[VOLUME]["spec"].items() if value is not None}
    assert said(ADOPTING, there) == [expected]


def test_later_ups_keep_them_too() -> None:
    there = reference(OF_THIS_STACK)
    assert said(configured(), there) == []
    assert spec(plan_of(configured(), there), VOLUME) == spec(plan_of(ADOPTING, reference()), VOLUME)


def test_what_this_stack_made_follows_the_settings() -> None:
    there = reference({STACK_MARK: STACK})
    assert spec(plan_of(configured(), there), VOLUME)["storageClassName"] == ""
    assert said(configured(), there)


def state_of(there: dict[Ref, Manifest]) -> list[Known]:
    return [Known(f"kubernetes:core/v1:{ref.kind}", f"urn::{ref.name}", one) for ref, one in there.items()]


def test_what_is_gone_is_made_again_with_the_values_that_the_state_knows() -> None:
    was = reference(OF_THIS_STACK)
    again = plan_of(configured(), {}, *state_of(was))
    for ref in (VOLUME, CLAIM):
        assert spec(again, ref) == spec(plan_of(configured(), was), ref)
    # It is this stack's own from now on, and the next `up` has nothing to change.
    made = {one.ref: one.manifest for one in again.managed_objects() if one.ref in was}
    assert all(ADOPTED_MARK not in one["metadata"]["annotations"] for one in made.values())
    assert said(configured(), made) == []
    then = {one.ref: one.manifest for one in plan_of(configured(), made).managed_objects() if one.ref in was}
    assert then == made


def test_the_state_of_another_stack_is_no_authority() -> None:
    was = reference({STACK_MARK: "immich-icloud/other", ADOPTED_MARK: "true"})
    assert spec(plan_of(configured(), {}, *state_of(was)), VOLUME)["capacity"] == {"storage": "500Gi"}


def test_a_sync_goes_to_the_node_that_an_adopted_volume_leaves_open() -> None:
    settings = household().model_copy(update={"adoption": ADOPTING.adoption})
    (open_,) = plan_of(settings, reference()).sync.pods()  # type: ignore[union-attr]
    (led,) = plan_of(settings, {}).sync.pods()  # type: ignore[union-attr]
    assert open_["nodeSelector"] == {"kubernetes.io/hostname": "talos-1"}
    assert "nodeSelector" not in led
