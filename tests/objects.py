"""Kubernetes objects as an API server returns them, with the managedFields that ArgoCD and kubectl leave behind."""

from typing import Any

from clients.kubernetes import Ref
from components.immich_server import Server

Manifest = dict[str, Any]

STACK = "immich-icloud/test"
MOUNT = "/external/icloud"
VOLUME = "icloud-import"
BY_HAND = "kubectl-patch"
ARGOCD = "argocd-controller"


def manifest(api_version: str, kind: str, name: str, namespace: str | None = None, **more: Any) -> Manifest:
    """Any object; `metadata` is what it has beside its name and namespace."""
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **place, **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def server(*containers: str, name: str = "immich-server") -> Server:
    """A workload that runs Immich's server in these containers."""
    return Server(Ref("apps/v1", "Deployment", name, "immich"), containers)


SERVERS = (server("immich-server"),)


def service(*ports: int, name: str = "immich-server", selector: Manifest | None = None, **spec: Any) -> Manifest:
    """A Service that leads to Immich's pods, at port 2283 of theirs."""
    at = [{"name": f"at-{port}", "port": port, "targetPort": 2283} for port in ports]
    leads = {"selector": selector or {"app.kubernetes.io/name": "server"}, "ports": at, **spec}
    return manifest("v1", "Service", name, "immich", spec=leads)


def managed(manager: str, fields: Manifest, operation: str = "Update", api_version: str = "apps/v1") -> Manifest:
    """One entry of managedFields."""
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version,
        "time": "2026-01-18T20:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def in_pod(fields: Manifest) -> Manifest:
    """FieldsV1 of a Deployment that lie in its pod."""
    return {"f:spec": {"f:template": {"f:spec": fields}}}


def deployment(*, patched: bool = False) -> Manifest:
    """Immich as ArgoCD applied it; `patched`: after iteration 6's `kubectl patch --type=json`."""
    pod: Manifest = {
        "containers": [
            {
                "name": "immich-server",
                "image": "ghcr.io/immich-app/immich-server:v2.4.1",
                "volumeMounts": [{"name": "library", "mountPath": "/usr/src/app/upload"}],
            }
        ],
        "volumes": [{"name": "library", "persistentVolumeClaim": {"claimName": "immich-library"}}],
    }
    entries = [_argocds(), _controllers()]
    if patched:
        pod["volumes"].append({"name": VOLUME, "hostPath": {"path": "/var/mnt/icloud-photos", "type": "Directory"}})
        pod["containers"][0]["volumeMounts"].append({"name": VOLUME, "mountPath": MOUNT, "readOnly": True})
        entries.insert(1, kubectl_patch())
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "immich-server",
            "namespace": "immich",
            "uid": "deployment",
            "generation": 1,
            "resourceVersion": "1",
            "labels": {"app.kubernetes.io/instance": "immich"},
            "managedFields": entries,
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "server"}},
            "template": {"metadata": {"labels": {"app.kubernetes.io/name": "server"}}, "spec": pod},
        },
        "status": ROLLED_OUT | {"observedGeneration": 1},
    }


ROLLED_OUT: Manifest = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


def kubectl_patch() -> Manifest:
    """What iteration 6's JSON patch leaves: `add` states whole items, so kubectl-patch holds each field of them."""
    return managed(
        BY_HAND,
        in_pod(
            {
                "f:containers": {
                    'k:{"name":"immich-server"}': {
                        "f:volumeMounts": {
                            'k:{"mountPath":"/external/icloud"}': {
                                ".": {}, "f:mountPath": {}, "f:name": {}, "f:readOnly": {},
                            }
                        }
                    }
                },
                "f:volumes": {
                    'k:{"name":"icloud-import"}': {
                        ".": {}, "f:hostPath": {".": {}, "f:path": {}, "f:type": {}}, "f:name": {},
                    }
                },
            }
        ),
    )  # fmt: skip


def _argocds() -> Manifest:
    fields = in_pod(
        {
            "f:containers": {
                'k:{"name":"immich-server"}': {
                    ".": {},
                    "f:name": {},
                    "f:image": {},
                    "f:volumeMounts": {
                        'k:{"mountPath":"/usr/src/app/upload"}': {".": {}, "f:mountPath": {}, "f:name": {}}
                    },
                }
            },
            "f:volumes": {
                'k:{"name":"library"}': {".": {}, "f:name": {}, "f:persistentVolumeClaim": {"f:claimName": {}}}
            },
        }
    )
    fields["f:metadata"] = {"f:labels": {"f:app.kubernetes.io/instance": {}}}
    fields["f:spec"] |= {"f:replicas": {}, "f:selector": {}}
    fields["f:spec"]["f:template"]["f:metadata"] = {"f:labels": {"f:app.kubernetes.io/name": {}}}
    return managed(ARGOCD, fields, "Apply")


def _controllers() -> Manifest:
    status: Manifest = {"f:status": {"f:replicas": {}, "f:updatedReplicas": {}, "f:observedGeneration": {}}}
    return managed("kube-controller-manager", status) | {"subresource": "status"}


def namespace(name: str = "immich", labels: dict[str, str] | None = None, manager: str = "kubectl-label") -> Manifest:
    """A namespace, with labels that one manager set."""
    metadata: Manifest = {"name": name, "resourceVersion": "1", "managedFields": []}
    if labels:
        metadata["labels"] = dict(labels)
        held: Manifest = {"f:metadata": {"f:labels": {".": {}} | {f"f:{label}": {} for label in labels}}}
        metadata["managedFields"] = [managed(manager, held, api_version="v1")]
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def ours_in_immich(path: str = MOUNT, source: Manifest | None = None) -> Manifest:
    """A fragment of Immich's Deployment such as the stack states."""
    place = source or {"hostPath": {"path": "/var/mnt/icloud-photos", "type": "Directory"}}
    guard = {
        "name": "require-photo-disk",
        "image": "busybox",
        "volumeMounts": [{"name": VOLUME, "mountPath": "/photos", "readOnly": True}],
        "securityContext": {"runAsUser": 65534},
    }
    mount = {"name": VOLUME, "mountPath": path, "readOnly": True}
    pod = {
        "volumes": [{"name": VOLUME, **place}],
        "initContainers": [guard],
        "containers": [{"name": "immich-server", "volumeMounts": [mount]}],
    }
    return manifest("apps/v1", "Deployment", "immich-server", "immich", spec={"template": {"spec": pod}})


def ours_in_namespace() -> Manifest:
    """A fragment of Immich's namespace such as the stack states."""
    labels = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "warn", "audit")}
    return manifest("v1", "Namespace", "immich", metadata={"labels": labels})
