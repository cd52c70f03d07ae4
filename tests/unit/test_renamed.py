"""A stack under another name: what it made is its own where the state proves that, or the settings say so."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from clients.cloudflare import Record
from clients.kubernetes import Manifest, Ref
from components.mount_admission import stamp
from components.ownership import ADOPTED_MARK, STACK_MARK
from components.plan import Plan
from components.public_access import is_marked
from observe import Observed
from observe.cluster import ClusterSeen
from observe.planned import planned
from observe.state import Known, ownership
from preflight import rules
from preflight.dry_runs import Answers
from tests.findings import Told, told
from tests.objects import STACK, deployment, namespace, service
from tests.unit.configured import configured
from text.command import nameless

OLD = "immich-icloud/old-home"
SEEN = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))
INGRESS = Ref("networking.k8s.io/v1", "Ingress", "immich-ingress", "immich")
JOB = Ref("batch/v1", "Job", "create-icloud-directory", "photo-sync")
LOST = configured(adoptExisting={"from": OLD})


def plan_of(
    there: Mapping[Ref, Manifest] | None = None, stack: str = STACK, state: tuple[Known, ...] = (), **more: Any
) -> Plan:
    live = there or {}
    seen = replace(SEEN, live=live, photo_sync=live.get(Ref("v1", "Namespace", "photo-sync")), **more)
    return planned(
        LOST if stack == "lost" else configured(), STACK if stack == "lost" else stack, Observed(seen, known=state)
    )


def made_by(stack: str) -> dict[Ref, Manifest]:
    """What a stack has in the cluster, with a uid each."""
    made = {one.ref: deepcopy(one.manifest) for one in plan_of(stack=stack).managed_objects()}
    for ref, one in made.items():
        one["metadata"]["uid"] = f"uid of {ref}"
    return made


def state_of(stack: str, there: Mapping[Ref, Manifest]) -> tuple[Known, ...]:
    """What a stack's state has of it."""
    kubernetes = (Known(f"kubernetes:{one['kind']}", f"urn::{ref}", one) for ref, one in there.items())
    (mount,) = plan_of(stack=stack).mounts
    outputs = {"manager": stack, "fragment": mount}
    return *kubernetes, Known("pulumi-python:dynamic/kubernetes:Fragment", "urn::immich-mount", outputs)


THERE = made_by(OLD)
RENAMED = state_of(OLD, THERE)


def said(plan: Plan, there: Mapping[Ref, Manifest]) -> list[Told]:
    """Find all that is reported of whose these are."""
    about = {"of-another-stack", "renamed", "taken-from", "adopted", "not-ours", "mark-lost", "nothing-to-adopt"}
    settings = LOST if plan.ownership.lost else configured()
    return [one for one in told(rules.findings(settings, SEEN, plan, Answers(live=there))) if one[0] in about]


@pytest.mark.parametrize(
    ("stack", "state", "expected"),
    [
        (STACK, RENAMED, "renamed"),
        ("lost", (), "taken-from"),
        (STACK, (), "of-another-stack"),
        # Handed over by `kubectl annotate`, to a stack that there is: the state was never of that name.
        (STACK, state_of(STACK, THERE), "of-another-stack"),
        # An object of that stack which the state does not hold, such as of another clone.
        (STACK, RENAMED[-1:], "of-another-stack"),
        ("lost", RENAMED[:-1], "taken-from"),
    ],
    ids=["renamed", "state lost", "another stack", "handed over", "not in the state", "lost, and found again"],
)
def test_whose_the_objects_of_another_name_are(stack: str, state: tuple[Known, ...], expected: str) -> None:
    codes = {code for code, _ in said(plan_of(THERE, stack, state), THERE)}
    assert codes == {expected}


def test_what_is_taken_from_a_stack_is_removed_or_kept_as_it_would_have_been() -> None:
    there = deepcopy(THERE)
    there[INGRESS]["metadata"]["annotations"][ADOPTED_MARK] = "true"
    for plan in (plan_of(there, STACK, RENAMED), plan_of(there, "lost")):
        assert plan.ownership.adopted == {INGRESS}
        assert {one.manifest["metadata"]["annotations"][STACK_MARK] for one in plan.managed_objects()} == {STACK}


def test_a_namespace_that_was_adopted_is_held_by_its_entries() -> None:
    ref = Ref("v1", "Namespace", "photo-sync")
    there = deepcopy(THERE)
    there[ref]["metadata"]["annotations"][ADOPTED_MARK] = "true"
    state = [one for one in RENAMED if one.type != "kubernetes:Namespace"]
    entries = {"manager": OLD, "fragment": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ref.name}}}
    state.append(Known("pulumi-python:dynamic/kubernetes:Fragment", "urn::photo-sync-labels", entries))
    assert ref in plan_of(there, STACK, tuple(state)).ownership.adopted
    assert {code for code, _ in said(plan_of(there, STACK, tuple(state)), there)} == {"renamed"}


def test_nothing_else_is_adopted() -> None:
    there = deepcopy(THERE)
    there[INGRESS]["metadata"]["annotations"] = {}
    there[JOB]["metadata"]["annotations"] = {STACK_MARK: "immich-icloud/third"}
    codes = dict.fromkeys(code for code, _ in said(plan_of(there, "lost"), there))
    assert set(codes) == {"not-ours", "of-another-stack", "taken-from"}
    assert said(plan_of({}, "lost"), {}) == [("nothing-to-adopt", "adoptExisting")]


# nothing restarts, and no Job runs again


def immich(stack: str) -> Manifest:
    """Immich with the entries of a stack."""
    live, (mount,) = deployment(), plan_of(stack=stack).mounts
    pod, entries = live["spec"]["template"]["spec"], deepcopy(mount["spec"]["template"]["spec"])
    pod["volumes"] += entries["volumes"]
    pod["initContainers"] = [one | {"imagePullPolicy": "IfNotPresent"} for one in entries["initContainers"]]
    pod["containers"][0]["volumeMounts"] += entries["containers"][0]["volumeMounts"]
    return live


@pytest.mark.parametrize("marked", [OLD, STACK], ids=["at first", "from then on"])
def test_pods_that_only_print_the_former_name_are_left(marked: str) -> None:
    there, live = deepcopy(THERE), immich(OLD)
    there[JOB]["metadata"]["annotations"][STACK_MARK] = marked
    plan = plan_of(there, STACK, RENAMED, workloads=(live,))
    (mount,) = plan.mounts
    assert (
        mount["spec"]["template"]["spec"]["initContainers"]
        == plan_of(stack=OLD).mounts[0]["spec"]["template"]["spec"]["initContainers"]
    )
    assert plan.directory_job.manifest["spec"] == there[JOB]["spec"]
    assert plan.directory_job.ref == JOB


def test_a_change_of_the_pods_brings_the_new_name() -> None:
    live = immich(OLD)
    live["spec"]["template"]["spec"]["initContainers"][0]["image"] = "busybox:1.36"
    (mount,) = plan_of(THERE, STACK, RENAMED, workloads=(live,)).mounts
    assert mount == plan_of().mounts[0]
    assert OLD.partition("/")[2] not in str(mount)


def test_the_mount_at_admission_is_the_same_under_any_name() -> None:
    old, new = (plan_of(stack=stack).mounts[0] for stack in (OLD, STACK))
    assert old != new
    assert stamp(old) == stamp(new)
    assert nameless("then `make up STACK=a.b_c-d`, or `make down STACK=x ARGS=-y`") == (
        "then `make up STACK=`, or `make down STACK= ARGS=-y`"
    )


# what states tell of their name


@pytest.mark.parametrize(
    ("type_", "outputs"),
    [
        ("pulumi-python:dynamic/kubernetes:Fragment", {"manager": OLD}),
        ("pulumi-python:dynamic/immich:Library", {"stack": OLD}),
        ("pulumi-python:dynamic/cloudflare:TunnelRules", {"stack": OLD}),
        ("pulumi-python:dynamic/kubernetes:DiskIdentity", {"places": '[{"apiVersion": "v1", "kind": "ConfigMap", '
         '"metadata": {"name": "a", "annotations": {"immich-icloud/stack": "' + OLD + '"}}}]'}),
        ("pulumi-python:dynamic/kubernetes:MountAtAdmission", {"objects": [THERE[INGRESS]]}),
    ],
)  # fmt: skip
def test_each_dynamic_resource_tells_of_which_stack_the_state_was(type_: str, outputs: dict[str, Any]) -> None:
    assert ownership(configured(), STACK, [Known(type_, "urn", outputs)]).former == {OLD}


@pytest.mark.parametrize(
    "outputs", [{}, {"manager": "", "stack": None}, {"manager": STACK}, {"metadata": None}, {"metadata": {"uid": None}}]
)
def test_a_state_that_names_no_other_stack(outputs: dict[str, Any]) -> None:
    for type_ in ("pulumi-python:dynamic/kubernetes:Fragment", "kubernetes:core/v1:ConfigMap"):
        found = ownership(configured(), STACK, [Known(type_, "urn", outputs)])
        assert (found.former, found.held) == (frozenset(), frozenset())


@pytest.mark.parametrize(("comment", "ours"), [(OLD, True), (f"{OLD}, adopted", True), ("immich-icloud/third", False)])
def test_a_dns_record_of_another_name(comment: str, *, ours: bool) -> None:
    record = Record("id", "CNAME", "immich.example.com", "a", proxied=True, comment=comment)
    for owner in (ownership(configured(), STACK, RENAMED), ownership(LOST, STACK, ())):
        assert is_marked(record, owner) is ours
