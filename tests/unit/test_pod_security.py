"""The level that a pod needs, and labels that are raised where needed and never made stricter."""

from copy import deepcopy
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import directory, immich_mount, pod_security
from components.ownership import Ownership
from components.pod_security import MODES, FoundLevels, Level
from settings.immich import Immich
from settings.storage import Csi, HostPath, Local, Nfs, Owner, Storage
from tests.objects import SERVERS, STACK

STRICTNESS: dict[str, int] = {"privileged": 0, "baseline": 1, "restricted": 2}

HOST_PATH = HostPath(kind="hostPath", node="n", path="/var/mnt/photos")
LOCAL = Local(kind="local", node="n", path="/var/mnt/photos")
CSI = Csi.model_validate(
    {"kind": "csi", "driver": "d", "volumeHandle": "a", "immichVolumeHandle": "b", "owner": {"uid": 7, "gid": 7}}
)


def nfs(uid: int) -> Nfs:
    return Nfs(kind="nfs", server="nas.lan", path="/export/photos", owner=Owner(uid=uid, gid=uid))


def job_pod(storage: Storage) -> dict[str, Any]:
    job = directory.job(storage, [], "photo-sync", Ownership(STACK), beside_one_made_by_hand=False)
    return dict(job["spec"]["template"]["spec"])


def guarded_pod(storage: Storage) -> dict[str, Any]:
    pod = immich_mount.fragment(Immich(), storage, SERVERS[0], Ownership(STACK))["spec"]["template"]["spec"]
    return {**pod, "containers": []}


@pytest.mark.parametrize(
    ("storage", "job", "guard"),
    [
        (HOST_PATH, "privileged", "privileged"),
        (LOCAL, "privileged", "restricted"),
        (nfs(0), "baseline", "restricted"),
        (nfs(1000), "restricted", "restricted"),
        (CSI, "restricted", "restricted"),
    ],
    ids=["hostPath", "local", "nfs of root", "nfs of a user", "csi"],
)
def test_managed_pods(storage: Storage, job: Level, guard: Level) -> None:
    assert pod_security.needed(job_pod(storage)) == job
    assert pod_security.needed(guarded_pod(storage)) == guard


RESTRICTED: dict[str, Any] = {
    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}],
    "containers": [
        {
            "name": "c",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


def test_a_restricted_pod() -> None:
    assert pod_security.needed(RESTRICTED) == "restricted"


def test_each_of_several_containers_counts() -> None:
    pod = deepcopy(RESTRICTED)
    pod["initContainers"] = [{"name": "bare"}]
    assert pod_security.needed(pod) == "baseline"


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"runAsNonRoot": False}, "baseline"),
        ({"runAsUser": 0}, "baseline"),
        ({"allowPrivilegeEscalation": True}, "baseline"),
        ({"capabilities": {}}, "baseline"),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "baseline"),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}, "restricted"),
        ({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, "privileged"),
        ({"seccompProfile": {"type": "Unconfined"}}, "baseline"),
        ({"privileged": True}, "privileged"),
    ],
    ids=str,
)
def test_a_container_that_asks_for_more(change: dict[str, Any], level: Level) -> None:
    pod = deepcopy(RESTRICTED)
    pod["containers"][0]["securityContext"] |= change
    assert pod_security.needed(pod) == level


@pytest.mark.parametrize(
    ("volume", "level"),
    [("hostPath", "privileged"), ("nfs", "baseline"), ("configMap", "restricted"), ("emptyDir", "restricted")],
)
def test_a_volume_that_asks_for_more(volume: str, level: Level) -> None:
    pod = deepcopy(RESTRICTED)
    pod["volumes"].append({"name": "w", volume: {}})
    assert pod_security.needed(pod) == level


def test_labels_of_a_managed_namespace() -> None:
    assert pod_security.labels("baseline") == {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "baseline",
        "pod-security.kubernetes.io/audit": "baseline",
    }


levels = st.dictionaries(st.sampled_from(MODES), st.sampled_from(get_args(Level)))


def added(level: Level, found: FoundLevels) -> dict[str, str]:
    return {
        key.removeprefix("pod-security.kubernetes.io/"): value
        for key, value in pod_security.labels_to_add(level, found).items()
    }


@given(st.sampled_from(get_args(Level)), levels, levels)
def test_never_stricter_and_never_too_strict_for_our_pods(
    level: Level, ours: dict[str, Level], others: dict[str, Level]
) -> None:
    found = FoundLevels(labelled={**ours, **others}, by_others=others)
    stated = added(level, found)
    for mode in MODES:
        will_be = STRICTNESS[stated.get(mode) or others.get(mode, "baseline")]  # Talos' default; ours unstated goes
        if mode in others:
            assert will_be <= STRICTNESS[others[mode]]
        if mode in stated:
            assert will_be <= STRICTNESS[found.labelled.get(mode, "baseline")]
        assert will_be <= STRICTNESS[level] or level == "restricted"


@given(st.sampled_from(get_args(Level)), levels)
def test_what_others_state_already_is_not_stated_again(level: Level, others: dict[str, Level]) -> None:
    assert not added(level, FoundLevels(others, others)).items() & others.items()


@given(levels)
def test_a_restricted_pod_needs_no_label(found: dict[str, Level]) -> None:
    assert added("restricted", FoundLevels(found)) == {}


def test_a_namespace_without_labels_is_raised_for_a_host_path() -> None:
    assert added("privileged", FoundLevels()) == dict.fromkeys(MODES, "privileged")


def test_our_own_label_is_stated_on() -> None:
    """What is stated once and then left out would be given up."""
    both: tuple[Level, ...] = ("privileged", "baseline")
    for mode, level in product(MODES, both):
        found = FoundLevels(labelled={mode: level})
        assert added(level, found)[mode] == level
