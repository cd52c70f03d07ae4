"""Fragments against a fake API server: who gets what, and what is restored when it goes wrong."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from pulumi.output import Unknown

from clients import lent_mounts, rollout, wording
from clients.claim import Claim, Remainder, dry_run, without
from clients.kubernetes import OBJECT_MANAGER, Answer, ClusterApi, ClusterRefusedError, Ref, UnreachableError
from clients.managed_fields import Holder, entries, held, holders, key_of, set_by_hand
from providers.fragment import FragmentProvider
from tests.objects import (
    ARGOCD,
    BY_HAND,
    MOUNT,
    ROLLED_OUT,
    STACK,
    VOLUME,
    Manifest,
    deployment,
    managed,
    namespace,
    ours_in_immich,
    ours_in_namespace,
)

FieldPath = tuple[str, ...]
Manifests = list[Manifest]
Held = dict[str, list[FieldPath]]
KEYS = {"volumes": "name", "containers": "name", "initContainers": "name", "volumeMounts": "mountPath"}
ENFORCE = "pod-security.kubernetes.io/enforce"


class FakeClusterApi(ClusterApi):
    """A fake of ClusterApi: one object in memory, with server-side apply as far as these tests need it.

    Each `get` lets the Deployment's controller take a step: `rollouts` says how its next ones end.
    """

    def __init__(self, live: Manifest | None) -> None:  # the real one reads a kubeconfig
        self.live = live
        self.rollouts: list[bool] = []
        self.refusal: ClusterRefusedError | None = None
        self.conflicts_left = 0
        self.writes: list[str] = []

    def get(self, ref: Ref) -> Manifest | None:
        if self.live is None or ref != Ref.of(self.live):
            return None
        seen = deepcopy(self.live)
        self._controller()
        return seen

    def list(self, like: Ref, **query: str) -> Manifests:
        assert query
        return [POD_THAT_FAILS, REPLICA_SET] if like.kind == "Pod" else [REPLICA_SET]

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        assert self.live is not None
        if self.refusal:
            raise self.refusal
        losers = _losers(self.live, manifest, manager)
        if losers and not force:
            raise ClusterRefusedError(409, "Apply failed with conflicts", tuple(losers))
        after = _applied(self.live, manifest, manager)
        if not dry_run:
            self.writes.append("apply")
            self._write(after)
        return Answer(after, ())

    def patch(self, ref: Ref, patch: Manifest, manager: str) -> Answer:
        assert self.live is not None
        assert ref == Ref.of(self.live)
        assert manager in {STACK, OLD}
        metadata = patch["metadata"]
        assert patch == {"metadata": metadata}
        assert metadata.keys() == {"resourceVersion", "managedFields"}
        if self.conflicts_left or metadata["resourceVersion"] != self.live["metadata"]["resourceVersion"]:
            self.conflicts_left -= 1
            raise ClusterRefusedError(409, "the object has been modified")
        self.writes.append("patch")
        self._write({**self.live, "metadata": {**self.live["metadata"], **metadata}})
        return Answer(self.live, ())

    def held(self) -> Held:
        """Who holds what of our entries."""
        assert self.live is not None
        return holders(self.live["metadata"]["managedFields"], entries(ours_in_immich()))

    def spec(self) -> Manifest:
        assert self.live is not None
        pod: Manifest = self.live["spec"]["template"]["spec"]
        return pod

    def _write(self, after: Manifest) -> None:
        assert self.live is not None
        rolls = after.get("spec") != self.live.get("spec")
        self.live = deepcopy(after)
        metadata = self.live["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        metadata["generation"] = metadata.get("generation", 1) + rolls

    def _controller(self) -> None:
        assert self.live is not None
        generation = self.live["metadata"].get("generation", 1)
        status = self.live.get("status", {})
        if status and status["observedGeneration"] != generation:
            comes_up = self.rollouts.pop(0) if self.rollouts else True
            done = ROLLED_OUT if comes_up else {**ROLLED_OUT, "updatedReplicas": 1, "replicas": 2}
            self.live["status"] = {**done, "observedGeneration": generation}


REPLICA_SET: Manifest = {
    "metadata": {"uid": "new", "name": "immich-server-1", "ownerReferences": [{"uid": "deployment"}]},
}
POD_THAT_FAILS: Manifest = {
    "metadata": {"uid": "p", "namespace": "immich", "name": "immich-server-1-a", "ownerReferences": [{"uid": "new"}]},
    "status": {
        "phase": "Pending",
        "initContainerStatuses": [
            {
                "name": "require-photo-disk",
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"message": "the photo disk is not there\n"}},
            }
        ],
    },
}
WHY = 'pod immich/immich-server-1-a: container "require-photo-disk" does not start: the photo disk is not there'


def _leaves(node: Any, way: FieldPath = (), field: str = "") -> dict[FieldPath, Any]:
    """What applying a manifest owns, by path, with the values."""
    found: dict[FieldPath, Any] = {}
    if isinstance(node, dict) and node:
        for key, value in node.items():
            found |= _leaves(value, (*way, f"f:{key}"), key)
    elif isinstance(node, list) and field in KEYS:
        for item in node:
            here = (*way, "k:" + json.dumps({KEYS[field]: item[KEYS[field]]}, separators=(",", ":")))
            found |= {(*here, "."): None} | _leaves(item, here)
    else:
        found[way] = node
    return found


def _owned(tree: Manifest, way: FieldPath = ()) -> set[FieldPath]:
    found: set[FieldPath] = set()
    for step, below in tree.items():
        found |= _owned(below, (*way, step)) if below else {(*way, step)}
    return found


def _tree(paths: set[FieldPath]) -> Manifest:
    tree: Manifest = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    return tree


def _stated(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in {"name", "namespace"}}
    rest = {k: v for k, v in manifest.items() if k not in {"apiVersion", "kind", "metadata"}}
    return {**rest, **({"metadata": metadata} if metadata else {})}


def _losers(live: Manifest, manifest: Manifest, manager: str) -> list[str]:
    """Other managers of fields whose values would change."""
    before = _leaves({k: v for k, v in live.items() if k not in {"apiVersion", "kind"}})
    stated = _stated(manifest)
    changed = {path for path, value in (_leaves(stated) if stated else {}).items() if before.get(path, value) != value}
    return [
        entry["manager"]
        for entry in live["metadata"]["managedFields"]
        if entry["manager"] != manager and changed & _owned(entry["fieldsV1"])
    ]


def _applied(live: Manifest, manifest: Manifest, manager: str) -> Manifest:
    after = deepcopy(live)
    stated = _stated(manifest)
    wanted = _leaves(stated) if stated else {}
    before = _leaves({k: v for k, v in live.items() if k not in {"apiVersion", "kind"}})
    sets = {(e["manager"], e["operation"]): _owned(e["fieldsV1"]) for e in live["metadata"]["managedFields"]}
    given_up = sets.get((manager, "Apply"), set()) - wanted.keys()
    sets[manager, "Apply"] = set(wanted)
    for other in sets.keys() - {(manager, "Apply")}:  # by force: whoever had another value loses the field
        sets[other] -= {path for path, value in wanted.items() if before.get(path, value) != value}
    held = set().union(*sets.values())
    for place in sorted((path[:-1] if path[-1] == "." else path for path in given_up - held), key=len):
        if not any(other[: len(place)] == place for other in held):
            _remove(after, place)
    _merge(after, stated)
    old = {(e["manager"], e["operation"]): e for e in live["metadata"]["managedFields"]}
    after["metadata"]["managedFields"] = [
        (old.get(who) or managed(*who[:1], {}, who[1], live["apiVersion"])) | {"fieldsV1": _tree(paths)}
        for who, paths in sets.items()
        if paths
    ]
    return after


def _merge(into: Manifest, more: Manifest) -> None:
    for key, value in more.items():
        if key in KEYS and isinstance(value, list):
            name, there = KEYS[key], into.setdefault(key, [])
            for item in value:
                same = next((i for i in there if i[name] == item[name]), None)
                if same is None:
                    there.append(deepcopy(item))
                else:
                    _merge(same, item)
        elif isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = deepcopy(value)


def _remove(node: Any, path: FieldPath) -> None:
    """Take away what is at a path, and the lists and maps that are empty without it."""
    step, rest = path[0].removeprefix("f:"), path[1:]
    if not isinstance(node, dict) or step not in node:
        return
    if rest and rest[0].startswith("k:"):
        ((key, value),) = json.loads(rest[0][2:]).items()
        item = next((i for i in node[step] if i[key] == value), None)
        if item is None:
            return
        if len(rest) == 1:
            node[step].remove(item)
        else:
            _remove(item, rest[1:])
    elif rest:
        _remove(node[step], rest)
    else:
        del node[step]
        return
    if not node[step]:
        del node[step]


Provider = Callable[[ClusterApi], FragmentProvider]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Provider:
    def make(api: ClusterApi) -> FragmentProvider:
        monkeypatch.setattr(FragmentProvider, "_api", lambda _: api)
        return FragmentProvider()

    return make


def claim(wanted: Manifest | None = None, *, adopt: bool = False) -> Claim:
    return Claim(wanted or ours_in_immich(), STACK, adopt)


def inputs(wanted: Manifest | None = None, *, adopt: bool = False) -> dict[str, Any]:
    return {"fragment": wanted or ours_in_immich(), "manager": STACK, "adopt": adopt}


def deployed(wanted: Manifest | None = None, *, relinquished: bool = True) -> FakeClusterApi:
    """Immich with our entries, after a first `up`; before 0.3 its mount was owned, too."""
    api = FakeClusterApi(deployment())
    api.apply(wanted or ours_in_immich(), STACK, force=True)
    if relinquished:
        live = api.live or {}
        live["metadata"]["managedFields"] = lent_mounts.relinquished(live["metadata"]["managedFields"], OURS, STACK)
    api.get(claim().ref)
    api.writes.clear()
    return api


OURS = ours_in_immich()
OWNED = [path for path in entries(OURS) if not lent_mounts.is_lent(path)]


def restless(live: Manifest) -> Manifest:
    """An object without what any write changes."""
    metadata = {
        k: v for k, v in live["metadata"].items() if k not in {"generation", "resourceVersion", "managedFields"}
    }
    return {k: v for k, v in live.items() if k != "status"} | {"metadata": metadata}


# What dry_run() says.

ENTRIES = "volumes[icloud-import], containers[immich-server].volumeMounts[/external/icloud]"


def test_free_entries_can_be_had() -> None:
    api = FakeClusterApi(deployment())
    trial = dry_run(api, claim())
    assert (trial.problems, trial.changes, trial.adopted) == ((), True, "")
    assert api.writes == []


def test_a_missing_object_is_named() -> None:
    assert dry_run(FakeClusterApi(None), claim()).problems == (wording.OBJECT_MISSING.found(claim().ref),)


@pytest.mark.parametrize("adopt", [False, True])
def test_what_another_manager_states_is_refused(*, adopt: bool) -> None:
    live = deployment(patched=True)
    live["metadata"]["managedFields"][1]["manager"] = "helm"
    (problem,) = dry_run(FakeClusterApi(live), claim(adopt=adopt)).problems
    assert (problem.code, problem.values) == ("entries-of-another", {"manager": "helm", "entries": ENTRIES})


def test_what_was_set_by_hand_is_refused_without_adoption() -> None:
    (problem,) = dry_run(FakeClusterApi(deployment(patched=True)), claim()).problems
    assert (problem.code, problem.values) == ("entries-by-hand", {"manager": "kubectl-patch", "entries": ENTRIES})


def test_what_was_set_by_hand_is_adopted_on_request() -> None:
    trial = dry_run(FakeClusterApi(deployment(patched=True)), claim(adopt=True))
    assert trial.problems == ()
    assert trial.changes
    assert trial.adopted == f"Deployment immich/immich-server: {ENTRIES}"


@pytest.mark.parametrize(("adopt", "codes"), [(False, ["entries-unowned"]), (True, [])])
def test_what_no_manager_holds_is_adopted_on_request(codes: list[str], *, adopt: bool) -> None:
    live = deployment(patched=True)
    del live["metadata"]["managedFields"][1]
    assert [one.code for one in dry_run(FakeClusterApi(live), claim(adopt=adopt)).problems] == codes


def test_drift_that_kubectl_made_in_ours_needs_no_adoption() -> None:
    api = FakeClusterApi(namespace(labels=None))
    api.apply(ours_in_namespace(), STACK, force=True)
    api.apply({**namespace(), "metadata": {"name": "immich", "labels": {ENFORCE: "baseline"}}}, BY_HAND, force=True)
    trial = dry_run(api, claim(ours_in_namespace()))
    assert trial.problems == ()
    assert trial.changes


def test_what_our_own_objects_manager_holds_is_no_problem() -> None:
    api = FakeClusterApi(namespace(labels={ENFORCE: "privileged"}, manager=OBJECT_MANAGER))
    assert dry_run(api, claim(ours_in_namespace())).problems == ()


def test_a_refusal_is_told() -> None:
    api = FakeClusterApi(deployment())
    api.refusal = ClusterRefusedError(422, "spec.template.spec.volumes: Invalid value")
    (problem,) = dry_run(api, claim()).problems
    assert (problem.code, problem.values["reason"]) == ("entries-refused", api.refusal)


def test_kubectl_is_by_hand_and_controllers_are_not() -> None:
    assert all(map(set_by_hand, ["kubectl", "kubectl-edit", "kubectl-client-side-apply"]))
    assert not any(map(set_by_hand, ["kubectlx", ARGOCD, "immich-icloud"]))


# check and diff


def test_check_names_no_property_and_no_value(provider: Provider) -> None:
    api = FakeClusterApi(deployment(patched=True))
    (failure,) = provider(api).check({}, inputs()).failures
    assert failure.property == ""
    assert "set by hand" in failure.reason
    assert "/var/mnt/icloud-photos" not in failure.reason


def test_check_reports_that_nothing_answers(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeClusterApi(deployment())

    def unreachable(_: Ref) -> None:
        raise UnreachableError("no Kubernetes API server answers")

    monkeypatch.setattr(api, "get", unreachable)
    (failure,) = provider(api).check({}, inputs()).failures
    assert (failure.property, failure.reason) == ("", "no Kubernetes API server answers")


@pytest.mark.parametrize("where", ["label", "list"])
def test_what_is_not_known_yet_is_not_asked_about(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def no_call(_: FragmentProvider) -> ClusterApi:
        raise AssertionError("the API server is asked about an unknown")

    monkeypatch.setattr(FragmentProvider, "_api", no_call)
    news = inputs(ours_in_namespace()) if where == "label" else inputs()
    if where == "label":
        news["fragment"]["metadata"]["labels"][ENFORCE] = Unknown()  # type: ignore[no-untyped-call]
    else:
        news["fragment"]["spec"]["template"]["spec"]["volumes"][0]["hostPath"]["path"] = Unknown()  # type: ignore[no-untyped-call]
    assert FragmentProvider().check({}, news).failures == []
    assert FragmentProvider().diff("", inputs(), news).changes


def test_no_difference_when_nothing_would_change(provider: Provider) -> None:
    assert not provider(deployed()).diff("", inputs(), inputs()).changes


def test_a_difference_when_a_value_would_change(provider: Provider) -> None:
    diff = provider(deployed()).diff("", inputs(), inputs(ours_in_immich(source={"nfs": {"path": "/p"}})))
    assert diff.changes
    assert not diff.replaces


def test_a_difference_when_only_ownership_would_change(provider: Provider) -> None:
    api = FakeClusterApi(deployment())
    api.apply(ours_in_immich(), BY_HAND, force=True)
    assert provider(api).diff("", inputs(adopt=True), inputs(adopt=True)).changes


def test_another_object_is_a_replacement(provider: Provider) -> None:
    elsewhere = ours_in_immich()
    elsewhere["metadata"]["name"] = "immich"
    diff = provider(deployed()).diff("", inputs(), inputs(elsewhere))
    assert diff.replaces
    assert diff.delete_before_replace


def test_whole_numbers_arrive_as_such(provider: Provider) -> None:
    as_the_engine_sends_it = json.loads(json.dumps(inputs()), parse_int=float)
    api = FakeClusterApi(deployment())
    outs = provider(api).create(as_the_engine_sends_it).outs
    user = api.spec()["initContainers"][0]["securityContext"]["runAsUser"]
    assert (user, type(user)) == (65534, int)
    assert api.spec()["volumes"][1]["name"] == VOLUME
    assert api.spec()["initContainers"][0]["volumeMounts"][0]["readOnly"] is True
    assert outs == inputs()


# A stack that is renamed.

OLD = "immich-icloud/old"


def of_old() -> dict[str, Any]:
    return inputs() | {"manager": OLD}


def renamed_from_old(wanted: Manifest | None = None) -> dict[str, Any]:
    return inputs(wanted) | {"former": [OLD]}


@pytest.fixture
def as_old() -> FakeClusterApi:
    """Immich with the entries that the stack owned under its old name."""
    api = deployed()
    for entry in (api.live or {})["metadata"]["managedFields"]:
        entry["manager"] = OLD if entry["manager"] == STACK else entry["manager"]
    return api


def test_entries_of_a_former_name_become_the_stacks_without_a_rollout(
    provider: Provider, as_old: FakeClusterApi
) -> None:
    found = restless(as_old.live or {})
    generation = (as_old.live or {})["metadata"]["generation"]
    assert provider(as_old).check(of_old(), renamed_from_old()).failures == []
    diff = provider(as_old).diff("", of_old(), renamed_from_old())
    assert (diff.changes, diff.replaces) == (True, None)
    provider(as_old).update("", of_old(), renamed_from_old())
    assert as_old.held() == {STACK: OWNED}
    assert restless(as_old.live or {}) == found
    assert (as_old.live or {})["metadata"]["generation"] == generation
    assert not provider(as_old).diff("", renamed_from_old(), inputs()).changes
    provider(as_old).delete("", inputs())
    assert VOLUME not in str(as_old.spec())


def test_with_the_state_lost_entries_of_the_stack_that_is_named_are_adopted(
    provider: Provider, as_old: FakeClusterApi
) -> None:
    found = restless(as_old.live or {})
    provider(as_old).create(renamed_from_old())
    assert (as_old.held(), restless(as_old.live or {})) == ({STACK: OWNED}, found)


def test_entries_of_another_stack_are_refused(provider: Provider, as_old: FakeClusterApi) -> None:
    other = inputs() | {"former": ["immich-icloud/third"]}
    for props in (inputs(), inputs(adopt=True), other):
        assert provider(as_old).check({}, props).failures
    assert as_old.held() == {OLD: OWNED}


@pytest.mark.parametrize("known", [True, False], ids=["renamed", "state lost"])
def test_a_rollout_that_fails_leaves_the_former_name(
    provider: Provider, as_old: FakeClusterApi, *, known: bool
) -> None:
    found = deepcopy(as_old.live or {})
    elsewhere = renamed_from_old(ours_in_immich(source={"nfs": {"path": "/p"}}))
    as_old.rollouts = [False]
    with pytest.raises(RuntimeError, match="Rolled back to the previous configuration"):
        provider(as_old).update("", of_old(), elsewhere) if known else provider(as_old).create(elsewhere)
    assert as_old.held() == {OLD: OWNED}
    assert restless(as_old.live or {}) == restless(found)


# Mounts that were lent.


def test_a_mount_that_is_still_owned_is_relinquished_without_a_rollout(provider: Provider) -> None:
    api = deployed(relinquished=False)
    assert provider(api).diff("", inputs(), inputs()).changes
    spec = deepcopy(api.spec())
    provider(api).update("", inputs(), inputs())
    assert (api.held(), api.spec()) == ({STACK: OWNED}, spec)
    assert not provider(api).diff("", inputs(), inputs()).changes


def test_a_container_that_was_renamed_gets_the_mount_again(provider: Provider) -> None:
    api = deployed()
    api.spec()["containers"] = [{"name": "main", "volumeMounts": []}]
    renamed = deepcopy(OURS)
    renamed["spec"]["template"]["spec"]["containers"][0]["name"] = "main"
    assert provider(api).diff("", inputs(), inputs(renamed)).changes
    provider(api).update("", inputs(), inputs(renamed))
    assert [one["mountPath"] for one in api.spec()["containers"][0]["volumeMounts"]] == [MOUNT]
    provider(api).delete("", inputs(renamed))
    assert "volumeMounts" not in api.spec()["containers"][0]


def test_a_mount_in_a_container_that_is_to_have_none_goes(provider: Provider) -> None:
    """The first container was a sidecar."""
    of_sidecar = deepcopy(OURS)
    of_sidecar["spec"]["template"]["spec"]["containers"][0]["name"] = "sidecar"
    api = FakeClusterApi(deployment())
    api.spec()["containers"].append({"name": "sidecar", "image": "nginx"})
    provider(api).create(inputs(of_sidecar))
    assert provider(api).diff("", inputs(of_sidecar), inputs()).changes
    provider(api).update("", inputs(of_sidecar), inputs())
    mounts = {one["name"]: [m["mountPath"] for m in one.get("volumeMounts", [])] for one in api.spec()["containers"]}
    assert mounts == {"immich-server": ["/usr/src/app/upload", MOUNT], "sidecar": []}


def test_a_lent_mount_that_kubectl_changed_is_drift_and_needs_no_adoption(provider: Provider) -> None:
    api = deployed()
    changed = deepcopy(OURS)
    mount = changed["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]
    mount["readOnly"] = False
    del changed["spec"]["template"]["spec"]["volumes"], changed["spec"]["template"]["spec"]["initContainers"]
    api.apply(changed, BY_HAND, force=True)
    assert provider(api).check({}, inputs()).failures == []
    provider(api).update("", inputs(), inputs())
    assert api.spec()["containers"][0]["volumeMounts"][-1]["readOnly"] is True
    provider(api).delete("", inputs())
    assert restless(api.live or {}) == restless(deployment())


def test_a_mount_of_another_volume_is_not_ours(provider: Provider) -> None:
    api = FakeClusterApi(deployment())
    api.spec()["containers"][0]["volumeMounts"].append({"name": "library", "mountPath": MOUNT})
    (failure,) = provider(api).check({}, inputs()).failures
    assert "containers[immich-server].volumeMounts[/external/icloud] exists, and its owner" in failure.reason


# Another manager that applies the same: the chart that is given our mount, or that has it.


def shared(operation: str = "Apply", by: Manifest | None = None, manager: str = ARGOCD) -> FakeClusterApi:
    """Immich with our entries, which another manager states, too."""
    api = FakeClusterApi(deployment())
    api.apply(by or ours_in_immich(), "helm", force=True)
    assert api.live
    for entry in api.live["metadata"]["managedFields"]:
        entry.update({"manager": manager, "operation": operation} if entry["manager"] == "helm" else {})
    if by is None:
        api.apply(ours_in_immich(), STACK)
    return api


def test_what_another_manager_applies_alike_can_be_had_too() -> None:
    api = FakeClusterApi(deployment())
    api.apply(ours_in_immich(), "helm", force=True)
    trial = dry_run(api, claim())
    assert (trial.problems, trial.changes) == ((), True)
    assert trial.shared.startswith('Deployment immich/immich-server: "helm" states volumes[icloud-import], ')
    assert dry_run(deployed(), claim()).shared == ""


@pytest.mark.parametrize("wanted", [ours_in_immich(), ours_in_immich(source={"nfs": {"path": "/p"}})])
def test_what_another_manager_updates_or_states_otherwise_is_refused(wanted: Manifest) -> None:
    operation = "Update" if wanted == ours_in_immich() else "Apply"
    (problem,) = dry_run(shared(operation, by=wanted, manager="helm"), claim()).problems
    assert (problem.code, problem.values["manager"]) == ("entries-of-another", "helm")


def test_what_another_manager_updates_too_is_refused() -> None:
    api = shared(manager="helm")
    assert api.live
    fields = api.live["metadata"]["managedFields"]
    fields += [entry | {"operation": "Update"} for entry in fields if entry["manager"] == "helm"]
    assert [one.code for one in dry_run(api, claim()).problems] == ["entries-of-another"]


def test_a_label_that_another_manager_applies_alike_is_refused() -> None:
    """It is no item, which could be held by two: whoever changes it takes it from the other."""
    api = FakeClusterApi(namespace(labels=None))
    api.apply(ours_in_namespace(), "helm", force=True)
    (problem,) = dry_run(api, claim(ours_in_namespace())).problems
    assert (problem.code, problem.values["manager"]) == ("entries-of-another", "helm")


def test_what_another_manager_applies_alike_stays_without_a_rollout(provider: Provider) -> None:
    api = shared()
    assert api.live
    before = api.live["metadata"]["generation"]
    left = without(api, claim())
    assert left
    assert (left.ours, left.by_hand) == (True, "")
    assert left.live["spec"] == api.live["spec"]
    provider(api).delete("", inputs())
    assert api.live["metadata"]["generation"] == before
    assert api.held().keys() == {ARGOCD}
    assert [volume["name"] for volume in api.spec()["volumes"]] == ["library", VOLUME]


def test_what_has_no_other_owner_would_be_removed() -> None:
    api = deployed()
    left = without(api, claim())
    assert left
    assert left.ours
    assert restless(left.live) == restless(deployment())
    assert api.writes == []


def test_what_kubectl_states_alike_goes_with_ours() -> None:
    left = without(shared(manager="kubectl"), claim())
    assert left
    assert left.by_hand.startswith("containers[immich-server].volumeMounts[/external/icloud], ")


def test_of_what_is_not_ours_nothing_would_go() -> None:
    api = FakeClusterApi(deployment(patched=True))
    assert without(api, claim()) == Remainder(deployment(patched=True))
    assert without(FakeClusterApi(None), claim()) is None


# create, read, update, delete


def test_create_then_delete_restores_what_was_found(provider: Provider) -> None:
    api = FakeClusterApi(deployment())
    made = provider(api).create(inputs())
    assert made.id == "/apis/apps/v1/namespaces/immich/deployments/immich-server"
    assert api.held() == {STACK: OWNED}
    assert api.live != deployment()
    provider(api).delete("", inputs())
    assert restless(api.live or {}) == restless(deployment())
    assert api.held() == {}


@pytest.mark.parametrize("at", [MOUNT, "/photos"], ids=["changed", "added"])
def test_delete_takes_each_mount_of_its_volume_that_was_written_by_hand(provider: Provider, at: str) -> None:
    """The volume goes, and the API server refuses a mount of none."""
    api = FakeClusterApi(deployment())
    provider(api).create(inputs())
    (container, *_), (path,) = api.spec()["containers"], filter(lent_mounts.is_lent, entries(ours_in_immich()))
    by_hand = {"name": VOLUME, "mountPath": at, "subPath": "icloud-import"}
    container["volumeMounts"] = [one for one in container["volumeMounts"] if one["mountPath"] != at] + [by_hand]
    part: Manifest = {"f:subPath": {}} if at == MOUNT else {".": {}, **{f"f:{key}": {} for key in by_hand}}
    written = {(*path[:-1], key_of("volumeMounts", by_hand)): part}
    assert api.live is not None
    metadata = api.live["metadata"]
    metadata["managedFields"] = held(metadata["managedFields"], written, Holder("kubectl-edit", "Update", "apps/v1"))
    provider(api).delete("", inputs())
    assert restless(api.live) == restless(deployment())


def test_adoption_leaves_us_the_only_owner(provider: Provider) -> None:
    api = FakeClusterApi(deployment(patched=True))
    provider(api).create(inputs(adopt=True))
    assert api.held().keys() == {STACK}
    provider(api).delete("", inputs())
    assert restless(api.live or {}) == restless(deployment())


GOING = {"deletionTimestamp": "2026-11-27T08:00:00Z"}


class WithClaim(FakeClusterApi):
    """Immich, whose photos lie in a claim that is being deleted."""

    going = GOING

    def get(self, ref: Ref) -> Manifest | None:
        if ref.kind != "PersistentVolumeClaim":
            return super().get(ref)
        metadata = {"name": ref.name, "namespace": ref.namespace, **self.going}
        return {"apiVersion": "v1", "kind": ref.kind, "metadata": metadata, "spec": {}}


def test_what_restarts_no_pod_is_not_refused_over_a_claim(provider: Provider) -> None:
    live = shared().live
    assert live
    api = WithClaim(live)
    provider(api).delete("", inputs())
    assert api.held().keys() == {ARGOCD}


def test_no_restart_takes_a_claim_away_that_only_the_pod_keeps(provider: Provider) -> None:
    """A claim that was deleted in use is gone with its last pod, and Immich's own photos with it."""

    api = WithClaim(deployment())
    for attempt in (lambda: provider(api).create(inputs()), lambda: provider(api).delete("", inputs())):
        with pytest.raises(RuntimeError, match="PersistentVolumeClaim immich/immich-library is being deleted"):
            attempt()
        assert api.writes == []
        api.going = {}
        provider(api).create(inputs())
        api.going, api.writes = GOING, []


def test_create_refuses_what_was_set_by_hand(provider: Provider) -> None:
    api = FakeClusterApi(deployment(patched=True))
    with pytest.raises(RuntimeError, match="was set by hand"):
        provider(api).create(inputs())
    assert api.live == deployment(patched=True)


@pytest.mark.parametrize("conflicts", [1, 4])
def test_a_write_is_retried_after_a_concurrent_one(provider: Provider, conflicts: int) -> None:
    api = FakeClusterApi(deployment(patched=True))
    api.conflicts_left = conflicts
    provider(api).create(inputs(adopt=True))
    assert api.held().keys() == {STACK}


def test_a_conflict_that_does_not_end_is_told(provider: Provider) -> None:
    api = FakeClusterApi(deployment(patched=True))
    api.conflicts_left = 100
    with pytest.raises(ClusterRefusedError, match="modified"):
        provider(api).create(inputs(adopt=True))


def test_read_finds_drift_as_inputs(provider: Provider) -> None:
    api = deployed()
    api.spec()["volumes"][1]["hostPath"]["path"] = "/elsewhere"
    found = provider(api).read("id", inputs())
    wanted = inputs()
    wanted["fragment"]["spec"]["template"]["spec"]["volumes"][0]["hostPath"]["path"] = "/elsewhere"
    assert found.id == "id"
    assert found.inputs == found.outs == wanted


def test_read_of_a_missing_object(provider: Provider) -> None:
    found = provider(FakeClusterApi(None)).read("id", inputs())
    assert (found.id, found.outs) == ("", {})


def test_update_gives_up_what_is_no_longer_stated(provider: Provider) -> None:
    api = deployed()
    moved = ours_in_immich(path="/external/photos")
    assert provider(api).update("", inputs(), inputs(moved)).outs == inputs(moved)
    assert [m["mountPath"] for m in api.spec()["containers"][0]["volumeMounts"]] == [
        "/usr/src/app/upload",
        "/external/photos",
    ]


def test_delete_of_a_missing_object(provider: Provider) -> None:
    api = FakeClusterApi(None)
    provider(api).delete("", inputs())
    assert api.writes == []


def test_delete_waits_for_the_rollout(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    api = deployed()
    api.rollouts = [False]
    provider(api).delete("", inputs())
    assert WHY in "".join(capsys.readouterr())


def test_delete_waits_for_no_pod_that_a_policy_in_force_denies(
    provider: Provider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, policy = deployed(), {"apiVersion": "a/v1", "kind": "P", "metadata": {"name": "p"}}
    api.rollouts, of_live = [False], api.get
    monkeypatch.setattr(api, "get", lambda ref: of_live(ref) or policy)
    provider(api).delete("", {**inputs(), "policy": policy})
    assert WHY not in "".join(capsys.readouterr())


def test_delete_leaves_everybody_elses(provider: Provider) -> None:
    api = FakeClusterApi(namespace(labels={"team": "home"}))
    provider(api).create(inputs(ours_in_namespace()))
    provider(api).delete("", inputs(ours_in_namespace()))
    assert restless(api.live or {}) == restless(namespace(labels={"team": "home"}))


@pytest.mark.parametrize(("field", "left"), [("annotations", None), ("labels", {"team": "home"})])
def test_delete_takes_an_annotation_from_our_managers_and_kubectl(provider: Provider, field: str, left: object) -> None:
    api, ours = FakeClusterApi(namespace()), {**namespace(), "metadata": {"name": "immich", field: {"team": "home"}}}
    for manager in (OBJECT_MANAGER, BY_HAND, STACK):
        api.apply(ours, manager)
    provider(api).delete("", inputs(ours))
    assert (api.live or {})["metadata"].get(field) == left


# rollouts that fail


def test_a_failed_create_takes_everything_back(provider: Provider) -> None:
    api = FakeClusterApi(deployment())
    api.rollouts = [False]
    with pytest.raises(RuntimeError) as error:
        provider(api).create(inputs())
    assert str(error.value) == f"{WHY}. Rolled back to the previous configuration"
    assert restless(api.live or {}) == restless(deployment())
    assert api.held() == {}


def test_a_failed_adoption_restores_kubectls_entries(provider: Provider) -> None:
    found = deployment(patched=True)
    api = FakeClusterApi(deepcopy(found))
    api.rollouts = [False]
    with pytest.raises(RuntimeError, match="Rolled back to the previous configuration"):
        provider(api).create(inputs(ours_in_immich(source={"nfs": {"path": "/p"}}), adopt=True))
    assert {v["name"]: v for v in api.spec()["volumes"]}[VOLUME]["hostPath"]["path"] == "/var/mnt/icloud-photos"
    assert [m["mountPath"] for m in api.spec()["containers"][0]["volumeMounts"]] == ["/usr/src/app/upload", MOUNT]
    assert "initContainers" not in {k for k, v in api.spec().items() if v}
    wanted = entries(ours_in_immich())
    assert api.held() == holders(found["metadata"]["managedFields"], wanted)


def test_nothing_stays_ours_after_a_failed_adoption(provider: Provider) -> None:
    """Whoever co-owns a container keeps its owner from renaming it."""
    api = FakeClusterApi(deployment(patched=True))
    api.rollouts = [False]
    with pytest.raises(RuntimeError):
        provider(api).create(inputs(adopt=True))
    assert api.live is not None
    assert STACK not in {entry["manager"] for entry in api.live["metadata"]["managedFields"]}


def test_a_failed_update_goes_back_to_the_entries_before(provider: Provider) -> None:
    api = deployed()
    before = deepcopy(api.live)
    api.rollouts = [False]
    moved = ours_in_immich(path="/external/photos", source={"nfs": {"path": "/p"}})
    with pytest.raises(RuntimeError, match="Rolled back to the previous configuration"):
        provider(api).update("", inputs(), inputs(moved))
    ordered = {v["name"]: v for v in api.spec()["volumes"]}
    assert ordered == {v["name"]: v for v in (before or {})["spec"]["template"]["spec"]["volumes"]}
    assert [m["mountPath"] for m in api.spec()["containers"][0]["volumeMounts"]] == ["/usr/src/app/upload", MOUNT]
    assert api.held() == {STACK: OWNED}


def test_what_was_found_failing_too_is_told(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    api = FakeClusterApi(deployment())
    api.rollouts = [False, False]
    with pytest.raises(RuntimeError):
        provider(api).create(inputs())
    assert f"what was found does not come up either: {WHY}" in capsys.readouterr().err


def test_a_busy_api_server_rolls_nothing_back(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """One 429 or 503 while a rollout is polled is about the moment."""
    api = FakeClusterApi(deployment())
    answered = api.get
    busy = iter([True, True, True, False, True])

    def now_and_then(ref: Ref) -> Manifest | None:
        if bool(api.writes) and next(busy, False):
            raise UnreachableError("the Kubernetes API server is busy or failing")
        return answered(ref)

    monkeypatch.setattr(api, "get", now_and_then)
    provider(api).create(inputs())
    assert api.writes.count("apply") == 1
    assert api.held() == {STACK: OWNED}


# What rollout.wait() waits for.


class Replay(ClusterApi):
    """A fake of ClusterApi whose Deployment goes through states, one at each get; the last one stays."""

    def __init__(self, *states: Manifest | None, pod: Manifest | None = None, events: tuple[str, ...] = ()) -> None:
        self.states, self.pod, self.events = list(states), pod, events

    def get(self, ref: Ref) -> Manifest | None:  # noqa: ARG002
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def list(self, like: Ref, **query: str) -> Manifests:  # noqa: ARG002
        if like.kind == "Event":
            return [{"message": message} for message in self.events]
        return ([self.pod] if self.pod else []) if like.kind == "Pod" else [REPLICA_SET]


def state(updated: int, total: int, available: int, **more: Any) -> Manifest:
    live = deployment()
    live["status"] = {"observedGeneration": 1, "updatedReplicas": updated, "replicas": total}
    live["status"] |= {"availableReplicas": available, **more}
    return live


def waited(api: ClusterApi) -> list[str]:
    told: list[str] = []
    rollout.wait(api, claim().ref, told.append)
    return told


def test_a_rollout_reports_each_step_once() -> None:
    states = (state(1, 2, 1), state(0, 1, 1), state(0, 1, 1), state(1, 2, 1), state(1, 1, 1))
    words = "Deployment immich/immich-server: {} of 1 pods updated, 1 available{}"
    old = ", 1 of the old template to go"
    assert waited(Replay(*states)) == [words.format(1, old), words.format(0, old), words.format(1, old)]


def test_a_status_of_the_old_generation_does_not_count() -> None:
    old = state(1, 1, 1, observedGeneration=0)
    assert waited(Replay(old, old, state(1, 1, 1))) == ["Deployment immich/immich-server: the rollout begins"]


def test_a_deployment_of_no_replicas_is_rolled_out() -> None:
    none = state(0, 0, 0)
    none["spec"]["replicas"] = 0
    assert waited(Replay(none)) == []


NO_NODE = "pod immich/immich-server-1-a finds no node: 0/1 nodes are available: 1 Insufficient gpu.intel.com/i915."
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": NO_NODE.partition("node: ")[2]}
DEVICES = "Allocate failed due to requested number of devices unavailable"
TAKEN_BACK = {"phase": "Failed", "reason": "UnexpectedAdmissionError", "message": DEVICES}
WITHOUT_DEVICE = POD_THAT_FAILS | {"status": TAKEN_BACK}
WITHOUT_NODE = POD_THAT_FAILS | {"status": {"phase": "Pending", "conditions": [UNSCHEDULED]}}


def test_why_a_pod_does_not_start_is_told_at_once_and_once() -> None:
    _, *why = waited(Replay(*[state(0, 1, 1)] * 8, state(1, 1, 1), pod=WITHOUT_NODE))
    assert why == [NO_NODE]


@pytest.mark.parametrize(
    ("api", "words"),
    [
        (Replay(None), "Deployment immich/immich-server was removed meanwhile"),
        (Replay(state(0, 1, 1), pod=POD_THAT_FAILS), WHY),
        (
            Replay(state(0, 1, 1, conditions=[{"type": "ReplicaFailure", "status": "True", "message": "forbidden"}])),
            "Deployment immich/immich-server: forbidden",
        ),
        (
            Replay(
                state(0, 1, 1),
                pod=POD_THAT_FAILS | {"status": {"phase": "Pending"}},
                events=("MountVolume.SetUp failed: not a directory",),
            ),
            "pod immich/immich-server-1-a: MountVolume.SetUp failed: not a directory",
        ),
        (Replay(state(0, 1, 1), pod=WITHOUT_NODE), NO_NODE),
        (
            Replay(state(0, 1, 1), pod=WITHOUT_DEVICE),
            f"pod immich/immich-server-1-a: the pod was ended: UnexpectedAdmissionError: {DEVICES}",
        ),
    ],
    ids=["removed", "crash", "refused", "mount", "node", "kubelet"],
)
def test_a_rollout_that_can_not_end(api: ClusterApi, words: str) -> None:
    with pytest.raises(rollout.RolloutError) as error:
        waited(api)
    assert str(error.value) == words


def test_a_stateful_set_that_keeps_some_of_its_pods_is_told() -> None:
    partitioned = state(0, 1, 1) | {"kind": "StatefulSet"}
    partitioned["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 1}}
    partitioned["status"] |= {"currentRevision": "old", "updateRevision": "new"}
    with pytest.raises(rollout.RolloutError, match="updates only pods from number 1 on"):
        waited(Replay(partitioned))


def test_a_paused_deployment_is_told() -> None:
    paused = state(0, 1, 1)
    paused["spec"]["paused"] = True
    with pytest.raises(rollout.RolloutError, match="is paused: `kubectl rollout resume` it first"):
        waited(Replay(paused))


def test_a_rollout_that_takes_too_long() -> None:
    slow = state(0, 1, 1)
    slow["spec"]["progressDeadlineSeconds"] = 0
    with pytest.raises(rollout.RolloutError, match=r"did not become ready in time: .* 0 of 1 pods"):
        waited(Replay(slow))


@pytest.mark.parametrize("refusal", [UnreachableError("busy"), ClusterRefusedError(403, "pods is forbidden")])
def test_reasons_that_can_not_be_read_are_no_failure(refusal: Exception) -> None:
    class WithoutPods(Replay):
        def list(self, like: Ref, **query: str) -> Manifests:  # noqa: ARG002
            raise refusal

    waited(WithoutPods(*[state(0, 1, 1)] * 8, state(1, 1, 1)))


def refusing(words: str) -> Manifest:
    return state(0, 1, 1, conditions=[{"type": "ReplicaFailure", "status": "True", "message": words}])


DENIED = "pods is forbidden: ValidatingAdmissionPolicy 'immich-icloud-immich' denied request"
STARTED = {"phase": "Pending", "conditions": [{"type": "PodReadyToStartContainers", "status": "True"}]}
OF_BEFORE = {**POD_THAT_FAILS, "metadata": {**POD_THAT_FAILS["metadata"], "ownerReferences": [{"uid": "old"}]}}
STARTING, STARTS = [state(0, 1, 1)] * 8, state(1, 1, 1)


@pytest.mark.parametrize(
    "api",
    [
        Replay(*[refusing("forbidden")] * 4, state(0, 1, 1), *[refusing("forbidden")] * 4, STARTS),
        Replay(*[refusing(DENIED)] * 30, STARTS),
        Replay(*STARTING, STARTS, pod=OF_BEFORE),
        # Events stay for an hour; a pod that pulls its image is Pending, with its volumes mounted.
        Replay(*STARTING, STARTS, pod=POD_THAT_FAILS | {"status": STARTED}, events=("MountVolume.SetUp failed: x",)),
    ],
    ids=["it passes", "a policy that was just changed", "of the old template", "a mount that has worked since"],
)
def test_what_is_no_failure_is_waited_for(api: ClusterApi) -> None:
    waited(api)


# Workloads of other kinds.


def kind(name: str, status: Manifest, **spec: Any) -> Manifest:
    live = deployment()
    live["kind"], live["status"] = name, {"observedGeneration": 1, **status}
    live["spec"] |= spec
    return live


def stateful(updated: int, *, current: str = "old", ready: int = 1) -> Manifest:
    revisions = {"currentRevision": current, "updateRevision": "new"}
    counts = {"replicas": 1, "updatedReplicas": updated, "availableReplicas": ready}
    return kind("StatefulSet", {**revisions, **counts})


def daemon(updated: int, ready: int = 2) -> Manifest:
    counts = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2}
    return kind("DaemonSet", {**counts, "updatedNumberScheduled": updated, "numberAvailable": ready})


@pytest.mark.parametrize(
    ("states", "steps"),
    [
        ((stateful(0), stateful(1, ready=0), stateful(1, current="new")), 2),
        ((daemon(0), daemon(1, 1), daemon(2, 1), daemon(2)), 3),
        ((kind("DaemonSet", {}, updateStrategy={"type": "OnDelete"}),), 0),
    ],
    ids=["StatefulSet", "DaemonSet", "OnDelete"],
)
def test_other_workloads_roll_out_too(states: tuple[Manifest, ...], steps: int) -> None:
    assert len(waited(Replay(*states))) == steps
