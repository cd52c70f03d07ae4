"""The Kubernetes stand-in's pure parts: what the engine is told without asking the API server."""

import base64
import copy
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from lab.plugins import changes, configuration, properties
from lab.plugins.awaits import refuse_unknown
from lab.plugins.changes import Change, Kind, Object
from lab.plugins.checkpoint import kind_of
from lab.plugins.cluster import merged_managers
from lab.plugins.kubernetes import KubernetesPlugin
from lab.plugins.properties import UNKNOWN, Secret, Unknown
from lab.plugins.service import serving

VOLUME: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "icloud-photos-shared"},
    "spec": {"capacity": {"storage": "1Gi"}, "hostPath": {"path": "/var/mnt/icloud-photos"}},
}


def compared(old: Object, new: Object) -> dict[str, Change]:
    return changes.compare(old, new, changes.force_new(new))


def edited(obj: Object, *path: str, to: Any) -> Object:
    result = copy.deepcopy(obj)
    place = result
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = to
    return result


def test_wire_format_keeps_secrets_and_unknowns() -> None:
    given = {"a": Secret({"b": ["c", UNKNOWN]}), "n": 3, "f": 0.5, "none": None, "yes": True}
    assert properties.decode(properties.encode(given)) == given
    assert properties.plain(given)["a"] == {"b": ["c", UNKNOWN]}
    assert properties.contains(given, Unknown)
    assert repr(given["a"]) == "Secret(...)"


def test_wire_format_refuses_assets() -> None:
    asset = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "text": "x"}
    with pytest.raises(ValueError, match="takes no assets"):
        properties.decode(properties.encode({"source": asset}))


def test_secrets_follow_the_inputs_into_the_outputs() -> None:
    outputs = {"kind": "ConfigMap", "data": {"a": "1", "b": "2"}, "list": ["x"], "other": 1}
    marked = properties.with_secrets_of(outputs, {"data": {"a": Secret("1")}, "list": [Secret("x")]})
    assert marked == {"kind": "ConfigMap", "data": {"a": Secret("1"), "b": "2"}, "list": Secret(["x"]), "other": 1}


def test_data_of_a_kubernetes_secret_is_always_secret() -> None:
    marked = properties.with_secrets_of({"kind": "Secret", "data": {"a": "MQ=="}}, {})
    assert marked["data"] == Secret({"a": "MQ=="})


def test_string_data_is_compared_as_the_data_that_it_becomes() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "1"}, "data": {"b": "Mg=="}}
    assert changes.normalised(secret)["data"] == {"a": base64.b64encode(b"1").decode(), "b": "Mg=="}
    assert "stringData" not in changes.normalised(secret)


@pytest.mark.parametrize(
    ("path", "to", "expected"),
    [
        (("spec", "capacity", "storage"), "1024Mi", {}),
        (("spec", "capacity", "storage"), "2Gi", {"spec.capacity.storage": Change(Kind.UPDATE, replaces=False)}),
        (("spec", "hostPath", "path"), "/x", {"spec.hostPath.path": Change(Kind.UPDATE, replaces=True)}),
        (("spec", "hostPath", "type"), "", {}),
        (("spec", "nfs"), {"server": "s"}, {"spec.nfs": Change(Kind.ADD, replaces=True)}),
        (("metadata", "name"), "other", {"metadata.name": Change(Kind.UPDATE, replaces=True)}),
        (("metadata", "name"), UNKNOWN, {"metadata.name": Change(Kind.UPDATE, replaces=True)}),
        (("metadata", "labels"), {"a.b/c": "d"}, {"metadata.labels": Change(Kind.ADD, replaces=False)}),
        (("metadata", "labels"), {}, {}),
    ],
)
def test_changes_of_a_volume(path: tuple[str, ...], to: object, expected: dict[str, Change]) -> None:
    assert compared(VOLUME, edited(VOLUME, *path, to=to)) == expected


def test_a_removed_property_is_a_deletion() -> None:
    new = copy.deepcopy(VOLUME)
    del new["spec"]["hostPath"]
    assert compared(VOLUME, new) == {"spec.hostPath": Change(Kind.DELETE, replaces=True)}


@pytest.mark.parametrize(
    ("version", "kind", "path", "replaces"),
    [
        ("batch/v1", "Job", ("spec", "template", "spec", "nodeName"), True),
        ("batch/v1", "Job", ("spec", "backoffLimit"), False),
        ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template", "spec", "nodeName"), False),
        ("v1", "PersistentVolumeClaim", ("spec", "volumeName"), True),
        ("v1", "PersistentVolumeClaim", ("spec", "resources", "requests", "storage"), False),
        ("v1", "Secret", ("data", "a"), True),
        ("v1", "ConfigMap", ("data", "a"), True),
        ("v1", "ConfigMap", ("metadata", "labels", "a"), False),
        ("v1", "Service", ("spec", "clusterIP"), True),
        ("v1", "Service", ("spec", "clusterIPs"), False),
        ("apps/v1", "Deployment", ("spec", "selector", "matchLabels", "a"), True),
        ("networking.k8s.io/v1", "Ingress", ("spec", "ingressClassName"), False),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", ("spec", "hostnames"), False),
    ],
)
def test_what_replaces(version: str, kind: str, path: tuple[str, ...], *, replaces: bool) -> None:
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}}
    old, new = edited(obj, *path, to="one"), edited(obj, *path, to="two")
    assert compared(old, new) == {".".join(path): Change(Kind.UPDATE, replaces=replaces)}
    assert [change.replaces for change in compared(obj, new).values()] == [replaces]


def test_zero_values_count_in_custom_resources() -> None:
    route: Object = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "a"}}
    assert compared(route, edited(route, "spec", to={})) == {"spec": Change(Kind.ADD, replaces=False)}


def test_lists_are_compared_by_place_and_odd_keys_quoted() -> None:
    old: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"port": 1}, {"port": 2}]}}
    new = edited(old, "metadata", "annotations", to={"a.b/c": "d"})
    new["spec"]["ports"] = [{"port": 3}]
    assert compared(edited(old, "metadata", "annotations", to={"x": "y"}), new) == {
        'metadata.annotations["a.b/c"]': Change(Kind.ADD, replaces=False),
        "metadata.annotations.x": Change(Kind.DELETE, replaces=False),
        "spec.ports[0].port": Change(Kind.UPDATE, replaces=False),
        "spec.ports[1]": Change(Kind.DELETE, replaces=False),
    }


def test_inputs_are_read_as_the_live_values_of_what_was_set() -> None:
    live = edited(edited(VOLUME, "status", to={"phase": "Bound"}), "spec", "hostPath", "path", to="/drifted")
    live["spec"]["volumeMode"] = "Filesystem"
    assert changes.pruned(live, VOLUME) == edited(VOLUME, "spec", "hostPath", "path", to="/drifted")
    del live["spec"]["hostPath"]
    assert "hostPath" not in changes.pruned(live, VOLUME)["spec"]


def test_lists_are_read_back_by_place() -> None:
    assert changes.pruned([{"a": 1, "b": 2}, {"a": 3}], [{"a": 0}]) == [{"a": 1}]
    assert changes.pruned([1], ["x"]) == [1]
    assert changes.pruned([], ["x"]) == []


def test_read_only_metadata_and_nulls_are_no_inputs() -> None:
    obj = edited(edited(VOLUME, "metadata", "uid", to="u"), "spec", "nfs", to=None)
    assert changes.normalised(obj) == VOLUME


CONFIGURED = {
    "kubeconfig": "x",
    "clusterIdentifier": "lab",
    **dict.fromkeys(("enableServerSideApply", "upsertExistingObjects", "enablePatchForce"), "true"),
}


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ({"context": "a"}, {"context": "a"}, ([], [])),
        ({"kubeconfig": "a", "clusterIdentifier": "x"}, {"clusterIdentifier": "x"}, (["kubeconfig"], [])),
        ({"clusterIdentifier": "x"}, {"clusterIdentifier": "y"}, (["clusterIdentifier"], ["clusterIdentifier"])),
        ({}, {"clusterIdentifier": "y"}, (["clusterIdentifier"], [])),
    ],
)
def test_another_cluster_replaces_the_provider(
    old: dict[str, Any], new: dict[str, Any], diff: tuple[list[str], list[str]]
) -> None:
    assert configuration.compare(old, new) == diff


@pytest.mark.parametrize(
    ("inputs", "refused"),
    [
        (CONFIGURED | {"deleteUnreachable": "false"}, set()),
        (CONFIGURED | {"enableServerSideApply": "false"}, {"enableServerSideApply"}),
        (CONFIGURED | {"renderYamlToDirectory": "y"}, {"renderYamlToDirectory"}),
        ({}, CONFIGURED.keys()),
    ],
)
def test_inputs_that_mean_something_else_are_refused(inputs: dict[str, str], refused: set[str]) -> None:
    assert configuration.refusals(inputs).keys() == refused


@pytest.mark.parametrize(
    ("kind", "metadata", "unknown"),
    [
        ("ConfigMap", {}, "an object without a name"),
        ("ConfigMap", {"name": "a", "annotations": {"pulumi.com/waitFor": "jsonpath={.a}"}}, "pulumi.com/waitFor"),
        ("Service", {"name": "a"}, "Service without pulumi.com/skipAwait"),
    ],
)
def test_objects_that_need_more_than_the_program_are_refused(kind: str, metadata: Object, unknown: str) -> None:
    with pytest.raises(ValueError, match=f"does not know: {unknown}"):
        refuse_unknown({"apiVersion": "v1", "kind": kind, "metadata": metadata})


def test_fields_of_kubectl_become_ours() -> None:
    def entry(manager: str, operation: str, **fields: object) -> Object:
        return {"manager": manager, "operation": operation, "fieldsV1": fields}

    ours = entry("immich-icloud", "Apply", **{"f:spec": {"f:a": {}}})
    kubectl = entry("kubectl-patch", "Update", **{"f:spec": {"f:b": {}}, "f:data": {}})
    status = {**entry("kubectl-patch", "Update"), "subresource": "status"}
    other = entry("argocd-controller", "Apply", **{"f:spec": {"f:c": {}}})
    merged = entry("immich-icloud", "Apply", **{"f:spec": {"f:a": {}, "f:b": {}}, "f:data": {}})
    assert merged_managers([ours, kubectl, status, other], "immich-icloud") == [status, other, merged]
    assert merged_managers([kubectl], "immich-icloud") == [
        {**kubectl, "manager": "immich-icloud", "operation": "Apply"}
    ]
    assert merged_managers([ours, other], "immich-icloud") == [ours, other]


@pytest.mark.parametrize(
    "token",
    ["core/v1:Pod", "core/v1:ConfigMapPatch", "core/v1:ConfigMapList", "helm.sh/v3:Release", "yaml/v2:ConfigFile"],
)
def test_unknown_kinds_are_refused_by_name(token: str) -> None:

    with pytest.raises(ValueError, match=f"does not know kubernetes:{token}"):
        kind_of(f"urn:pulumi:dev::p::my:component$kubernetes:{token}::name")


def test_an_unreachable_cluster_is_reported_where_it_is_needed() -> None:
    urn = "urn:pulumi:dev::p::kubernetes:core/v1:Namespace::ns"
    obj = properties.encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
    variables = {"kubernetes:config:kubeconfig": "/missing"}
    with serving(KubernetesPlugin()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        plugin = provider_pb2_grpc.ResourceProviderStub(channel)
        assert plugin.GetPluginInfo(Empty()).version == "4.32.0"
        plugin.Configure(provider_pb2.ConfigureRequest(variables=variables))
        checked = plugin.Check(provider_pb2.CheckRequest(urn=urn, news=obj))
        assert properties.decode(checked.inputs)["metadata"] == {"name": "a"}
        previewed = plugin.Create(provider_pb2.CreateRequest(urn=urn, properties=obj, preview=True))
        assert previewed.properties == obj
        with pytest.raises(grpc.RpcError, match="cluster is unreachable: there is no file /missing"):
            plugin.Create(provider_pb2.CreateRequest(urn=urn, properties=obj))
        with pytest.raises(grpc.RpcError, match="unreachable cluster: there is no file /missing"):
            plugin.Read(provider_pb2.ReadRequest(urn=urn, id="a", inputs=obj))
        with pytest.raises(grpc.RpcError, match="does not do Invoke"):
            plugin.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode"))
