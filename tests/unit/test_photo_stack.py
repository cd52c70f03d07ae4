"""What the program states in the cluster, on Pulumi's mocks."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Ref
from components.outputs import Outputs
from components.ownership import Ownership
from components.plan import Found, plan
from components.pod_security import FoundLevels, Level
from settings import Settings, parse
from settings.cloudflare import NoCloudflare
from tests.objects import SERVERS, ours_in_namespace, server
from tests.stack_files import configuration
from tests.unit.recording import STACK, Recording, deployed

HOMELAB = Path(__file__).parents[2] / "Pulumi.homelab.yaml"
IMMICH = Found(SERVERS)


@pytest.fixture(scope="module")
def homelab() -> Settings:
    return parse(configuration(HOMELAB))


@pytest.fixture(scope="module")
def stack(homelab: Settings) -> Recording:
    return deployed(homelab, IMMICH)


def with_storage(settings: Settings, **storage: Any) -> Settings:
    return Settings.model_validate({**settings.model_dump(by_alias=True, exclude_unset=True), "storage": storage})


def test_photo_sync_namespace_lets_the_directory_job_in(stack: Recording) -> None:
    assert stack.one("Namespace").inputs["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "privileged",
        "pod-security.kubernetes.io/warn": "privileged",
        "pod-security.kubernetes.io/audit": "privileged",
    }


def test_immichs_namespace_gets_labels_and_nothing_else(stack: Recording) -> None:
    assert stack.fragment("Namespace", "immich").inputs["fragment"] == ours_in_namespace()


def test_immich_mounts_the_directory_read_only(stack: Recording) -> None:
    pod = stack.fragment("Deployment", "immich-server").inputs["fragment"]["spec"]["template"]["spec"]
    assert pod["volumes"] == [
        {"name": "icloud-import", "hostPath": {"path": "/var/mnt/icloud-photos", "type": "Directory"}}
    ]
    assert pod["containers"] == [
        {
            "name": "immich-server",
            "volumeMounts": [{"name": "icloud-import", "mountPath": "/external/icloud", "readOnly": True}],
        }
    ]


def test_immich_does_not_start_without_the_marked_disk(stack: Recording) -> None:
    (guard,) = stack.fragment("Deployment", "immich-server").inputs["fragment"]["spec"]["template"]["spec"][
        "initContainers"
    ]
    assert guard["volumeMounts"] == [{"name": "icloud-import", "mountPath": "/photos", "readOnly": True}]
    assert 'grep -qsx "id: $DISK_ID" /photos/.immich-icloud' in guard["command"][2]
    assert guard["env"] == [
        {"name": "DISK_ID", "valueFrom": {"configMapKeyRef": {"name": "icloud-directory", "key": "id"}}}
    ], "by reference, and a required one"


def test_a_named_container_gets_the_mount(homelab: Settings) -> None:
    stack = deployed(homelab, Found((server("sidecar"),)))
    (container,) = stack.fragment("Deployment", "immich-server").inputs["fragment"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["name"] == "sidecar"


def test_no_photo_is_deleted_with_the_volume(stack: Recording) -> None:
    assert stack.one("PersistentVolume").inputs["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_volume_and_claim_are_bound_to_each_other_and_to_the_node(stack: Recording) -> None:
    volume, claim = stack.one("PersistentVolume").inputs, stack.one("PersistentVolumeClaim").inputs
    assert volume["metadata"]["name"] == claim["spec"]["volumeName"] == "icloud-photos-shared"
    assert volume["spec"]["claimRef"]["namespace"] == claim["metadata"]["namespace"] == "photo-sync"
    assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"] == "icloud-photos"
    assert volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"] == ""
    assert volume["spec"]["hostPath"] == {"path": "/var/mnt/icloud-photos"}
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "kubernetes.io/hostname", "operator": "In", "values": ["talos-1ca-62z"]}
    ]


def test_directory_job_runs_on_the_node_that_has_the_disk(stack: Recording) -> None:
    job = stack.one("Job").inputs
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["name"] == "create-icloud-directory"
    assert "ttlSecondsAfterFinished" not in job["spec"], "a refresh would make it anew"
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": "talos-1ca-62z"}
    assert pod["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"
    assert pod["volumes"][0]["hostPath"] == {"path": "/var/mnt", "type": "Directory"}
    environment = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert environment["DIRECTORY"] == "/parent/icloud-photos"
    assert (environment["OWNER"], environment["ADOPT"]) == ("0:0", "false")


def test_ingress_as_iteration_6_has_it(stack: Recording) -> None:
    ingress = stack.one("Ingress").inputs
    assert (ingress["metadata"]["namespace"], ingress["metadata"]["name"]) == ("immich", "immich-ingress")
    assert ingress["spec"] == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "immich.coultonf.com",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "immich-server", "port": {"number": 3001}}},
                        }
                    ]
                },
            }
        ],
    }
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "600"
    assert annotations["nginx.ingress.kubernetes.io/proxy-send-timeout"] == "600"
    assert annotations["nginx.ingress.kubernetes.io/client-max-body-size"] == "50000m"
    assert annotations["pulumi.com/skipAwait"] == "true", "a homelab's ingress never gets an address"


def test_order_of_the_whole(stack: Recording) -> None:
    mount = stack.fragment("Deployment", "immich-server")
    labels = stack.fragment("Namespace", "immich")
    assert stack.comes_after(mount, labels), "a pod with a hostPath is refused before the label"
    assert stack.comes_after(mount, stack.one("Job")), "a mount of type Directory needs the directory"
    assert stack.comes_after(stack.one("Job"), stack.one("Namespace"))
    assert stack.comes_after(stack.one("ConfigMap"), stack.one("Job")), "it remembers that the directory was made"
    drawn, on_disk = stack.all("DiskIdentity")
    assert (drawn.inputs["marked"], on_disk.inputs["marked"]) == (False, True)
    assert stack.comes_after(stack.one("Job"), drawn)
    assert stack.comes_after(on_disk, stack.one("Job"))
    assert stack.comes_after(stack.fragment("Deployment", "immich-server"), on_disk)
    assert stack.comes_after(stack.one("PersistentVolumeClaim"), stack.one("PersistentVolume"))
    assert stack.comes_after(stack.one("Ingress"), mount)
    assert not stack.comes_after(labels, mount)


def test_everything_goes_through_the_one_provider(stack: Recording) -> None:
    kubernetes = [r for r in stack.resources if r.type.startswith("kubernetes:")]
    assert kubernetes
    assert all(r.provider.startswith("pulumi:providers:kubernetes::cluster") for r in kubernetes)


def test_what_is_known_by_its_name_is_deleted_before_it_is_replaced(stack: Recording) -> None:
    named = [r for r in stack.resources if r.type.startswith(("kubernetes:", "pulumi-python:dynamic/"))]
    assert named
    assert [r.name for r in named if r.delete_before_replace == r.protect] == [], "`--replace` would end with none"


def test_every_whole_object_says_whose_it_is(stack: Recording) -> None:
    for resource in (r for r in stack.resources if r.type.startswith("kubernetes:")):
        annotations = resource.inputs["metadata"]["annotations"]
        assert annotations["immich-icloud/stack"] == STACK
        assert annotations["pulumi.com/patchFieldManager"] == "immich-icloud"
        assert not resource.retain_on_delete, "what this stack made goes with it"


def test_adopted_objects_are_kept_and_marked_by_what_is_removed(homelab: Settings) -> None:
    volume = Ref("v1", "PersistentVolume", "icloud-photos-shared")
    namespace = Ref("v1", "Namespace", "photo-sync")
    owner = Ownership(STACK, frozenset({volume, namespace}), adopting=True)
    stack = deployed(homelab, IMMICH, owner)
    assert stack.one("PersistentVolume").retain_on_delete
    mark = stack.fragment("PersistentVolume", "icloud-photos-shared")
    assert mark.inputs["fragment"]["metadata"]["annotations"] == {
        "immich-icloud/stack": STACK,
        "immich-icloud/adopted": "true",
        "pulumi.com/patchFieldManager": "immich-icloud",
    }
    assert not mark.retain_on_delete
    assert not stack.all("Namespace"), "of an adopted namespace only our entries are ours"
    assert stack.fragment("Namespace", "photo-sync").inputs["fragment"]["metadata"]["annotations"][
        "immich-icloud/adopted"
    ]
    assert not stack.one("PersistentVolumeClaim").retain_on_delete


def test_beside_a_job_made_by_hand_ours_is_named_after_its_template(homelab: Settings) -> None:
    stack = deployed(homelab, Found(SERVERS, job_by_hand=True))
    name = stack.one("Job").inputs["metadata"]["name"]
    prefix, _, digest = name.rpartition("-")
    assert prefix == "create-icloud-directory"
    assert len(digest) == 8


def test_labels_of_another_manager_are_unchanged(homelab: Settings) -> None:
    privileged: dict[str, Level] = dict.fromkeys(("enforce", "warn", "audit"), "privileged")
    stack = deployed(homelab, Found(SERVERS, immich_levels=FoundLevels(privileged, privileged)))
    assert [r.inputs["fragment"]["kind"] for r in stack.all("Fragment")] == ["Deployment"]


LOCAL = {"kind": "local", "node": "talos-1ca-62z", "path": "/var/mnt/icloud-photos"}
NFS = {"kind": "nfs", "server": "nas.lan", "path": "/export/photos", "owner": {"uid": 1000, "gid": 1000}}
CSI = {"kind": "csi", "driver": "smb.csi.k8s.io", "volumeHandle": "a", "immichVolumeHandle": "b"}


@pytest.mark.parametrize("storage", [LOCAL, NFS, CSI], ids=lambda storage: storage["kind"])
def test_without_host_path_immich_reads_through_a_claim(homelab: Settings, storage: dict[str, Any]) -> None:
    stack = deployed(with_storage(homelab, **storage), IMMICH)
    pod = stack.fragment("Deployment", "immich-server").inputs["fragment"]["spec"]["template"]["spec"]
    assert pod["volumes"] == [
        {"name": "icloud-import", "persistentVolumeClaim": {"claimName": "icloud-photos-immich", "readOnly": True}}
    ]
    claim = stack.one("PersistentVolumeClaim", "icloud-photos-immich").inputs
    assert claim["metadata"]["namespace"] == "immich"
    assert claim["spec"]["accessModes"] == ["ReadOnlyMany"]
    volume = stack.one("PersistentVolume", "icloud-photos-shared-immich").inputs
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    kinds = [r.inputs["fragment"]["kind"] for r in stack.all("Fragment")]
    assert kinds == ["Deployment"], "a pod that mounts a claim needs no label"
    assert stack.comes_after(stack.fragment("Deployment", "immich-server"), stack.one("Job"))


def test_a_network_volume_needs_no_privilege(homelab: Settings) -> None:
    stack = deployed(with_storage(homelab, **NFS), IMMICH)
    labels = stack.one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = stack.one("Job").inputs["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"]["runAsUser"] == 1000
    assert "nodeSelector" not in pod
    assert stack.comes_after(stack.one("Job"), stack.one("PersistentVolumeClaim", "icloud-photos"))


def test_a_gateway_gets_a_route_without_a_time_limit(homelab: Settings) -> None:
    gateway = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
    settings = Settings.model_validate({**homelab.model_dump(by_alias=True, exclude_unset=True), "route": gateway})
    stack = deployed(settings, IMMICH)
    spec = stack.one("HTTPRoute").inputs["spec"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert spec["hostnames"] == ["immich.coultonf.com"]
    assert spec["rules"] == [{"backendRefs": [{"name": "immich-server", "port": 3001}], "timeouts": {"request": "0s"}}]
    assert not stack.all("Ingress")


def test_a_route_on_several_listeners_with_labels_and_annotations(homelab: Settings) -> None:
    one = {"gateway": "public", "gatewayNamespace": "gateways"}
    more = {"labels": {"dns": "public"}, "annotations": {"a/b": "c"}, "parents": [{**one, "sectionName": "http"}]}
    route = {"kind": "gateway", **one, "sectionName": "https", **more}
    settings = Settings.model_validate({**homelab.model_dump(by_alias=True, exclude_unset=True), "route": route})
    made = deployed(settings, IMMICH).one("HTTPRoute").inputs
    assert [parent["sectionName"] for parent in made["spec"]["parentRefs"]] == ["https", "http"]
    assert (made["metadata"]["labels"], made["metadata"]["annotations"]["a/b"]) == ({"dns": "public"}, "c")


@pytest.mark.parametrize(
    ("tls", "stated", "issuer"),
    [
        ({}, {}, {}),
        ({"secret": "own"}, {"secretName": "own"}, {}),
        ({"secret": "own", "issuer": "le"}, {"secretName": "own"}, {"cert-manager.io/cluster-issuer": "le"}),
        (
            {"secret": "own", "issuer": "le", "issuerKind": "Issuer"},
            {"secretName": "own"},
            {"cert-manager.io/issuer": "le"},
        ),
    ],
    ids=["the controller's own", "a Secret", "ClusterIssuer", "Issuer"],
)
def test_an_ingress_with_tls(
    homelab: Settings, tls: dict[str, str], stated: dict[str, str], issuer: dict[str, str]
) -> None:
    route = {"kind": "ingress", "labels": {"dns": "public"}, "tls": tls}
    settings = Settings.model_validate({**homelab.model_dump(by_alias=True, exclude_unset=True), "route": route})
    made = deployed(settings, IMMICH).one("Ingress").inputs
    assert made["spec"]["tls"] == [{"hosts": ["immich.coultonf.com"], **stated}]
    assert {key: value for key, value in made["metadata"]["annotations"].items() if "cert-manager" in key} == issuer
    assert made["metadata"]["labels"] == {"dns": "public"}


def test_no_route_when_none_is_wanted(homelab: Settings) -> None:
    settings = Settings.model_validate(
        homelab.model_dump(by_alias=True, exclude_unset=True)
        | {"route": {"kind": "none"}, "cloudflare": {"kind": "none"}}
    )
    stack = deployed(settings, IMMICH)
    assert len(stack.all("Fragment")) == 2
    assert not stack.all("Ingress")
    assert not stack.all("HTTPRoute")


def test_the_chart_mounts_what_it_was_given(homelab: Settings) -> None:
    stated = homelab.model_dump(by_alias=True, exclude_unset=True)
    given = Settings.model_validate(stated | {"storage": NFS, "immich": {"mount": "chart"}, "immichApiKey": "key"})
    stack = deployed(given, IMMICH)
    assert not stack.all("Fragment"), "Immich's Deployment is left alone"
    claim = stack.one("PersistentVolumeClaim", "icloud-photos-immich")
    for resource in (stack.one("Library"), stack.one("Ingress")):
        assert stack.comes_after(resource, claim)
        assert stack.comes_after(resource, stack.one("Job"))
    assert stack.outputs["mounted_into"] == "Deployment immich/immich-server, container immich-server"


def test_a_directory_that_the_chart_mounts_needs_the_labels_too(homelab: Settings) -> None:
    stated = homelab.model_dump(by_alias=True, exclude_unset=True)
    stack = deployed(Settings.model_validate(stated | {"immich": {"mount": "chart"}}), IMMICH)
    assert [one.inputs["fragment"]["metadata"]["name"] for one in stack.all("Fragment")] == ["immich"]


def test_outputs(homelab: Settings) -> None:
    at_home = homelab.model_copy(update={"cloudflare": NoCloudflare(kind="none")})
    assert deployed(at_home, IMMICH).outputs == {
        "immich_url": "https://immich.coultonf.com",
        "internal_url": "http://immich-server.immich.svc.cluster.local:3001",
        "namespaces": {"immich": "immich", "photo_sync": "photo-sync"},
        "claim": "photo-sync/icloud-photos",
        "library_path": "/external/icloud/icloud-import",
        "mounted_into": "Deployment immich/immich-server, container immich-server",
        "route_kind": "none",
        "next_steps": plan(at_home, IMMICH, Ownership(STACK)).outputs.next_steps,
    }


def test_the_docs_describe_every_output() -> None:
    page = (HOMELAB.parent / "docs" / "outputs.md").read_text()
    assert [field.name for field in fields(Outputs) if f"| `{field.name}` |" not in page] == []
