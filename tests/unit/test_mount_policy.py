"""What denies a pod of Immich without its photos: when it is in force, and which containers it is about."""

from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import Manifest, Ref
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


def spec(found: Found, **immich: Any) -> Manifest:
    stated = plan(configured(immich=immich), found, Ownership(STACK)).mount_policy
    assert stated
    return dict(stated[0].manifest["spec"])


def test_it_is_in_force_after_the_mount_and_gone_before_it() -> None:
    stack = deployed(configured(), Found(SERVERS))
    policy, binding = stack.one("ValidatingAdmissionPolicy"), stack.one("ValidatingAdmissionPolicyBinding")
    mount = stack.fragment("Deployment", "immich-server")
    assert stack.comes_after(mount, policy)
    assert stack.comes_after(binding, mount)
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
    (variable,) = (one for one in spec(found, **immich)["variables"] if one["name"] == "servers")
    assert selects in variable["expression"]


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
        ({"strategy": {"type": "Recreate"}}, ["stopped-by-policy"]),
        (None, ["starts-unguarded"]),
    ],
    ids=["rolling update", "Recreate", "Kubernetes before 1.30"],
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
