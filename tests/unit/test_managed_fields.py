"""Ownership in managedFields: exactly what is wanted moves, and no owner loses anything."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from clients import managed_fields
from clients.managed_fields import Holder
from tests.objects import ARGOCD, BY_HAND, MOUNT, VOLUME, deployment, kubectl_patch, managed, namespace, ours_in_immich
from tests.objects import ours_in_namespace as labels

US = Holder("immich-icloud/test", "Apply", "apps/v1")
POD = ("f:spec", "f:template", "f:spec")
OUR_VOLUME = (*POD, "f:volumes", 'k:{"name":"icloud-import"}')
OUR_GUARD = (*POD, "f:initContainers", 'k:{"name":"require-photo-disk"}')
OUR_MOUNT = (
    *POD, "f:containers", 'k:{"name":"immich-server"}', "f:volumeMounts", 'k:{"mountPath":"/external/icloud"}',
)  # fmt: skip


def owned(fields: dict[str, Any], way: managed_fields.Path = ()) -> Iterator[managed_fields.Path]:
    """Paths that a FieldsV1 tree owns: a leaf owns itself, a node with "." owns itself beside what is below it."""
    for step, below in fields.items():
        if step == ".":
            yield way
        elif not below:
            yield (*way, step)
        else:
            yield from owned(below, (*way, step))


def ownership(entries: managed_fields.Entries) -> set[tuple[str, str, managed_fields.Path]]:
    return {(e["manager"], e["operation"], path) for e in entries for path in owned(e["fieldsV1"])}


def within(path: managed_fields.Path, wanted: list[managed_fields.Path]) -> bool:
    return any(path[: len(way)] == way for way in wanted)


def test_entries_are_our_items_and_not_the_container_they_lie_in() -> None:
    assert managed_fields.entries(ours_in_immich()) == [OUR_VOLUME, OUR_GUARD, OUR_MOUNT]


def test_entries_of_a_namespace_are_its_labels_one_by_one() -> None:
    label = "f:pod-security.kubernetes.io"
    assert managed_fields.entries(labels()) == [
        ("f:metadata", "f:labels", f"{label}/{mode}") for mode in ("enforce", "warn", "audit")
    ]


def test_entries_do_not_count_what_names_the_object() -> None:
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "immich", "annotations": {"a": "b"}}}
    assert managed_fields.entries(bare) == [("f:metadata", "f:annotations", "f:a")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (OUR_VOLUME, "volumes[icloud-import]"),
        (OUR_GUARD, "initContainers[require-photo-disk]"),
        (OUR_MOUNT, "containers[immich-server].volumeMounts[/external/icloud]"),
        (("f:metadata", "f:labels", "f:pod-security.kubernetes.io/warn"), "pod-security.kubernetes.io/warn"),
        (("f:metadata", "f:annotations", "f:immich-icloud/stack"), "immich-icloud/stack"),
    ],
)
def test_spoken(path: managed_fields.Path, words: str) -> None:
    assert managed_fields.spoken(path) == words


def test_kubectl_patch_holds_volume_and_mount_after_iteration_6() -> None:
    wanted = managed_fields.entries(ours_in_immich())
    live = deployment(patched=True)["metadata"]["managedFields"]
    assert managed_fields.holders(live, wanted) == {BY_HAND: [OUR_VOLUME, OUR_MOUNT]}


def test_the_entries_have_no_field_manager_after_argocds_apply() -> None:
    wanted = managed_fields.entries(ours_in_immich())
    assert managed_fields.holders(deployment()["metadata"]["managedFields"], wanted) == {}


def test_a_part_of_an_entry_counts_as_holding_it() -> None:
    part: dict[str, Any] = {"f:readOnly": {}}
    for step in reversed(OUR_MOUNT):
        part = {step: part}
    assert managed_fields.holders([managed("someone", part)], [OUR_VOLUME, OUR_MOUNT]) == {"someone": [OUR_MOUNT]}


def test_adoption_empties_kubectl_patch_and_leaves_argocd_alone() -> None:
    found = deployment(patched=True)["metadata"]["managedFields"]
    untouched = deepcopy(found)
    after = managed_fields.hand_over(found, [OUR_VOLUME, OUR_MOUNT], BY_HAND.__eq__, US)
    assert found == untouched, "the argument is not changed"
    assert [entry["manager"] for entry in after] == [ARGOCD, "kube-controller-manager", US.manager]
    assert after[0] == found[0]
    assert after[2]["operation"] == "Apply"
    assert after[2]["fieldsV1"] == kubectl_patch()["fieldsV1"]


def test_adoption_of_labels_leaves_kubectl_label_what_we_do_not_state() -> None:
    live = namespace(labels={"pod-security.kubernetes.io/enforce": "privileged", "team": "home"})
    to = Holder(US.manager, "Apply", "v1")
    after = managed_fields.hand_over(
        live["metadata"]["managedFields"], managed_fields.entries(labels()), "kubectl-label".__eq__, to
    )
    assert {entry["manager"]: entry["fieldsV1"] for entry in after} == {
        "kubectl-label": {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}},
        US.manager: {"f:metadata": {"f:labels": {"f:pod-security.kubernetes.io/enforce": {}}}},
    }


def test_status_is_never_handed_over() -> None:
    status = managed("kubectl-patch", kubectl_patch()["fieldsV1"]) | {"subresource": "status"}
    assert managed_fields.hand_over([status], [OUR_VOLUME], BY_HAND.__eq__, US) == [status]


def test_what_is_received_does_not_end_in_the_status_subresource() -> None:
    ours = managed(US.manager, {"f:metadata": {"f:labels": {"f:a": {}}}}, "Apply") | {"subresource": "status"}
    after = managed_fields.hand_over([ours, kubectl_patch()], [OUR_VOLUME, OUR_MOUNT], BY_HAND.__eq__, US)
    assert after[0] == ours


# Trees of FieldsV1 around our entries: what any number of managers may hold of a Deployment.
steps = st.sampled_from(["f:hostPath", "f:path", "f:type", "f:name", "f:readOnly"])
subtrees = st.recursive(
    st.builds(dict[str, Any]),
    lambda below: st.dictionaries(steps, below, min_size=1, max_size=3).flatmap(
        lambda tree: st.sampled_from([tree, {".": {}, **tree}])
    ),
    max_leaves=4,
)
NEIGHBOURS = [
    (*POD, "f:volumes", 'k:{"name":"library"}'),
    (*POD, "f:containers", 'k:{"name":"immich-server"}', "f:image"),
    (*POD, "f:containers", 'k:{"name":"immich-server"}', "f:volumeMounts", 'k:{"mountPath":"/upload"}'),
    ("f:metadata", "f:labels", "f:a"),
]


@st.composite
def entry(draw: st.DrawFn, manager: str) -> dict[str, Any]:
    places = draw(st.lists(st.sampled_from([OUR_VOLUME, OUR_GUARD, OUR_MOUNT, *NEIGHBOURS]), min_size=1, unique=True))
    fields: dict[str, Any] = {}
    for place in places:
        node = fields
        for step in place[:-1]:
            node = node.setdefault(step, {})
        node[place[-1]] = draw(subtrees)
    return managed(manager, fields, draw(st.sampled_from(["Apply", "Update"])))


managers = st.lists(
    st.sampled_from([US.manager, ARGOCD, BY_HAND, "kubectl-edit"]), min_size=1, max_size=4, unique=True
).flatmap(lambda names: st.tuples(*(entry(name) for name in names)).map(list))
wanted_paths = st.lists(st.sampled_from([OUR_VOLUME, OUR_GUARD, OUR_MOUNT]), unique=True)


def gives(manager: str) -> bool:
    return manager.startswith("kubectl-")


@effort(max_examples=50)
@given(managers, wanted_paths)
def test_exactly_the_wanted_moves_and_nothing_gets_lost(
    before: managed_fields.Entries, wanted: list[managed_fields.Path]
) -> None:
    after = ownership(managed_fields.hand_over(before, wanted, gives, US))
    expected = {
        (US.manager, "Apply", path) if gives(manager) and within(path, wanted) else (manager, operation, path)
        for manager, operation, path in ownership(before)
    }
    assert after == expected


@effort(max_examples=50)
@given(managers, wanted_paths)
def test_handing_over_twice_is_handing_over_once(
    before: managed_fields.Entries, wanted: list[managed_fields.Path]
) -> None:
    once = managed_fields.hand_over(before, wanted, gives, US)
    assert managed_fields.hand_over(once, wanted, gives, US) == once
    assert not {m for m in managed_fields.holders(once, wanted) if gives(m)}


@effort(max_examples=50)
@given(managers, wanted_paths)
def test_nothing_changes_where_no_manager_owns_the_fields(
    before: managed_fields.Entries, wanted: list[managed_fields.Path]
) -> None:
    assert managed_fields.hand_over(before, wanted, lambda _: False, US) == before


names = st.text("abcxyz-/.", min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | names,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(names, below, max_size=2),
    max_leaves=4,
)


def keyed(key: str, items: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(items, max_size=3, unique_by=lambda item: str(item[key]))


volumes = keyed("name", st.fixed_dictionaries({"name": names}, optional={"hostPath": values, "nfs": values}))
mounts = keyed("mountPath", st.fixed_dictionaries({"mountPath": names, "name": names}, optional={"readOnly": values}))
containers = keyed(
    "name", st.fixed_dictionaries({"name": names, "volumeMounts": mounts}, optional={"image": names, "args": values})
)


@st.composite
def fragments(draw: st.DrawFn) -> dict[str, Any]:
    pod = draw(st.fixed_dictionaries({}, optional={
        "volumes": volumes, "containers": containers, "initContainers": containers, "nodeName": names,
    }))  # fmt: skip
    metadata = draw(st.fixed_dictionaries({}, optional={"labels": st.dictionaries(names, names, max_size=3)}))
    place = {"name": "immich-server", "namespace": "immich"}
    whole = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**place, **metadata}}
    return whole | {"spec": {"template": {"spec": pod}}}


KEYS = {"volumes": "name", "containers": "name", "initContainers": "name", "volumeMounts": "mountPath"}


def applied(live: Any, fragment: Any, field: str = "") -> Any:
    """What the API server makes of a live object and an applied fragment: lists with keys are merged by key."""
    if isinstance(fragment, dict):
        base = live if isinstance(live, dict) else {}
        return {**base, **{k: applied(base.get(k), v, k) for k, v in fragment.items()}}
    if field in KEYS and isinstance(fragment, list):
        items = {item[KEYS[field]]: item for item in live or []}
        items |= {item[KEYS[field]]: applied(items.get(item[KEYS[field]]), item) for item in fragment}
        return list(items.values())
    return fragment


@effort(max_examples=50)
@given(fragments())
def test_what_was_applied_is_found_again(fragment: dict[str, Any]) -> None:
    live = applied(deployment(), fragment)
    assert managed_fields.as_found(live, fragment) == fragment


@effort(max_examples=50)
@given(fragments(), fragments())
def test_found_values_are_the_live_ones(found: dict[str, Any], fragment: dict[str, Any]) -> None:
    """Where another manager's values are there, they are found, and only where the fragment speaks."""
    live = applied(deployment(), found)
    seen = managed_fields.as_found(live, fragment)
    assert set(managed_fields.entries(seen)) <= set(managed_fields.entries(fragment))
    assert applied(live, seen) == live


def test_an_object_without_managed_fields() -> None:
    assert managed_fields.as_found(deployment(), ours_in_immich()) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "immich-server", "namespace": "immich"},
        "spec": {"template": {"spec": {"volumes": [], "containers": [{"name": "immich-server", "volumeMounts": []}]}}},
    }
    assert managed_fields.as_found(namespace(), labels())["metadata"] == {"name": "immich", "labels": {}}


def test_whole_entries_have_fields_that_we_never_stated() -> None:
    live = deployment(patched=True)
    pod = live["spec"]["template"]["spec"]
    pod["containers"][0]["volumeMounts"][1]["subPath"] = "photos"
    ours = ours_in_immich(source={"persistentVolumeClaim": {"claimName": "icloud-photos"}})
    whole = managed_fields.whole_entries(live, ours)["spec"]["template"]["spec"]
    assert whole["volumes"] == [{"name": VOLUME, "hostPath": {"path": "/var/mnt/icloud-photos", "type": "Directory"}}]
    assert whole["containers"] == [
        {
            "name": "immich-server",
            "volumeMounts": [{"name": VOLUME, "mountPath": MOUNT, "readOnly": True, "subPath": "photos"}],
        }
    ]


@effort(max_examples=50)
@given(fragments(), fragments(), fragments())
def test_whole_entries_restore_all_that_was_there(
    own: dict[str, Any], other: dict[str, Any], fragment: dict[str, Any]
) -> None:
    """Each item that a fragment states comes back whole, whatever has become of it since."""
    live = applied(applied(deployment(), own), other)
    whole = managed_fields.whole_entries(live, fragment)
    assert applied(live, whole) == live
    stated = {path for path in managed_fields.entries(fragment) if path[-1].startswith("k:")}
    before, back = items(live), items(whole)
    assert {path: before[path] for path in stated & before.keys()} == {
        path: back.get(path) for path in stated & before.keys()
    }


def items(node: Any, way: managed_fields.Path = (), field: str = "") -> dict[managed_fields.Path, Any]:
    """Every item of a keyed list, by its path."""
    found: dict[managed_fields.Path, Any] = {}
    if isinstance(node, dict):
        for key, value in node.items():
            found |= items(value, (*way, f"f:{key}"), key)
    elif field in KEYS and isinstance(node, list):
        for item in node:
            step = f'k:{{"{KEYS[field]}":"{item[KEYS[field]]}"}}'
            found |= {(*way, step): item} | items(item, (*way, step))
    return found


# A text, and how the API server writes it in an item's key (seen on Kubernetes 1.36).
GO = {
    "/external/фото": "/external/фото",
    "/a&b": r"/a\u0026b",
    "/<c>": r"/\u003cc\u003e",
    "/d\u2028": r"/d\u2028",
    "/📷 Fotos": "/📷 Fotos",
    '/"e"': r"/\"e\"",
}


@pytest.mark.parametrize(("path", "written"), GO.items(), ids=map(ascii, GO))
def test_an_items_key_is_found_however_it_is_escaped(path: str, written: str) -> None:
    fragment = {"spec": {"containers": [{"name": "server", "volumeMounts": [{"name": "v", "mountPath": path}]}]}}
    wanted = managed_fields.entries(fragment)
    mount: dict[str, Any] = {f'k:{{"mountPath":"{written}"}}': {".": {}, "f:mountPath": {}, "f:name": {}}}
    held = {"f:spec": {"f:containers": {'k:{"name":"server"}': {"f:volumeMounts": mount}}}}
    by_hand = {"manager": "kubectl-patch", "operation": "Update", "fieldsV1": held}

    assert managed_fields.holders([by_hand], wanted) == {"kubectl-patch": wanted}
    moved = managed_fields.hand_over(
        [by_hand], wanted, {"kubectl-patch"}.__contains__, Holder("us", "Apply", "apps/v1")
    )
    assert managed_fields.holders(moved, wanted) == {"us": wanted}
    both = managed_fields.hand_over(
        [by_hand, *moved], wanted, {"kubectl-patch"}.__contains__, Holder("us", "Apply", "")
    )
    assert [len(entry["fieldsV1"]["f:spec"]["f:containers"]) for entry in both] == [1]
