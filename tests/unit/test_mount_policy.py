"""What denies a pod of Immich without its photos: when it is in force, and which containers it is about."""

from dataclasses import replace
from typing import Any

import pytest

from clients import admission
from clients.kubernetes import Answer, ClusterApi, Manifest, Ref
from components.ownership import Ownership
from components.plan import Found, plan
from observe import Observed
from observe.cluster import ClusterSeen
from observe.planned import planned
from preflight import policy_rules
from preflight.dry_runs import Answers
from tests.objects import SERVERS, STACK, deployment, namespace, server, service
from tests.unit.configured import configured
from tests.unit.recording import deployed

SEEN = ClusterSeen(namespace(), (deployment(),), (service(2283),), None, None)
CHART: Manifest = {"mount": "chart"}


def policy(found: Found, **immich: Any) -> Manifest:
    stated = plan(configured(immich=immich), found, Ownership(STACK)).mount_policy
    assert stated
    return stated[0].manifest


def expression(found: Found, **immich: Any) -> str:
    return str(policy(found, **immich)["spec"]["validations"][0]["expression"])


class InForce(ClusterApi):
    """A fake of ClusterApi: one policy, or none."""

    def __init__(self, live: Manifest | None) -> None:  # the real one reads a kubeconfig
        self.live, self.writes = live, 0

    def get(self, ref: Ref) -> Manifest | None:
        return self.live if self.live and Ref.of(self.live) == ref else None

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        assert (manager, dry_run, force) == ("immich-icloud", False, True)
        self.live, self.writes = manifest, self.writes + 1
        return Answer(manifest, ())


def test_it_demands_the_mount_once_that_is_there_and_is_gone_before_it() -> None:
    stack = deployed(configured(), Found(SERVERS))
    policy, binding = stack.one("ValidatingAdmissionPolicy"), stack.one("ValidatingAdmissionPolicyBinding")
    mount = stack.fragment("Deployment", "immich-server")
    assert stack.comes_after(policy, mount)
    assert stack.comes_after(binding, policy)
    assert mount.inputs["policy"]["spec"] == policy.inputs["spec"]
    assert policy.inputs["metadata"]["name"] == binding.inputs["spec"]["policyName"] == "immich-icloud-immich"


@pytest.mark.parametrize(
    ("found", "immich", "selects"),
    [
        (Found(SERVERS), {}, 'c.image.matches("^([^@]*/)?immich-server(:[^/@]+)?(@.+)?$")'),
        (
            Found((replace(server("x"), images=("immich",)),)),
            {},
            'c.image.matches("^([^@]*/)?immich(:[^/@]+)?(@.+)?$")',
        ),
        (Found(SERVERS), {"mount": {"container": "x"}}, 'c.name == "x" || (!object.spec.containers.exists('),
    ],
)
def test_which_containers_it_is_about(found: Found, immich: Manifest, selects: str) -> None:
    assert selects in expression(found, **immich)


@pytest.mark.parametrize(
    ("immich", "changed", "there"),
    [
        ({}, {}, True),
        ({}, {"policies": False}, False),
        (CHART, {}, False),
        (CHART, {"live": {Ref("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "immich-icloud-immich"):
                          {"metadata": {}}}}, True),
    ],
    ids=["entries", "Kubernetes before 1.30", "chart without the mount", "chart that lost the mount"],
)  # fmt: skip
def test_it_is_stated_where_it_lets_immich_start(immich: Manifest, changed: Manifest, *, there: bool) -> None:
    ours = planned(configured(immich=immich), STACK, Observed(replace(SEEN, **changed)))
    assert (ours.mount_policy is not None) is there


@pytest.mark.parametrize(
    ("edit", "codes"),
    [
        ({}, []),
        ({"replicas": 4}, []),
        ({"strategy": {"type": "Recreate"}}, ["stopped-by-policy"]),
        ({"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}, ["stopped-by-policy"]),
        ({"strategy": {"rollingUpdate": {"maxSurge": 0}}}, ["stopped-by-policy"]),
        ({"strategy": {"type": "Recreate"}, "replicas": 0}, []),
        (None, ["starts-unguarded"]),
    ],
    ids=["rolling update", "one of four", "Recreate", "none available", "no surge", "no pod", "Kubernetes before 1.30"],
)
def test_what_preview_says_of_it(edit: Manifest | None, codes: list[str]) -> None:
    live = deployment()
    live["spec"] |= edit or {}
    seen = replace(SEEN, workloads=(live,), policies=edit is not None)
    ours = planned(configured(), STACK, Observed(seen))
    assert [one.code for one in policy_rules.findings(seen, ours, Answers())] == codes
    in_force = Answers({one.ref: {} for one in ours.managed_objects()})
    assert [one.code for one in policy_rules.findings(seen, ours, in_force)] == [
        code for code in codes if code != "stopped-by-policy"
    ]


def test_a_policy_in_force_passes_both_mounts_while_the_mount_changes() -> None:
    of_before, new = policy(Found(SERVERS)), policy(Found(SERVERS), mount={"path": "/external/photos"})
    # As a stack of an earlier commit has it.
    of_before["spec"] |= {"variables": [{"name": "servers", "expression": "[]"}]}
    api = InForce(of_before)
    admission.widen(api, new)
    admission.widen(api, new)
    old, wanted = (one["spec"]["validations"][0]["expression"] for one in (of_before, new))
    assert api.live
    assert api.live["spec"]["validations"][0]["expression"] == f"({old}) || ({wanted})"
    assert api.live["spec"]["variables"] == of_before["spec"]["variables"]
    assert api.writes == 1


@pytest.mark.parametrize("live", [None, policy(Found(SERVERS))], ids=["no policy", "the same"])
def test_a_policy_that_passes_the_mount_is_not_written(live: Manifest | None) -> None:
    api = InForce(live)
    admission.widen(api, policy(Found(SERVERS)))
    assert api.writes == 0
