"""A mutating webhook as homelabs have them: mirrored images, a sidecar for CronJobs, and the Prometheus operator's."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

from clients.kubernetes import ClusterApi, Manifest, Ref
from tests.rehearsal.conftest import until

MIRROR = "mirror.lan/library/"
SIDECAR: Manifest = {"name": "proxy", "image": f"{MIRROR}proxy:1"}
VALIDATED = "prometheus-operator-validated"
WEBHOOK = Ref("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mirror")


def _mutated(thing: Manifest) -> list[Manifest]:
    """The JSON patch (RFC 6902) of an object."""
    if thing["kind"] == "PrometheusRule":  # (source: prometheus-operator, pkg/admission)
        return [{"op": "add", "path": f"/metadata/annotations/{VALIDATED}", "value": "true"}]
    at = {"Job": ("spec",), "Deployment": ("spec",), "CronJob": ("spec", "jobTemplate", "spec")}[thing["kind"]]
    pod, path = thing, ""
    for step in (*at, "template", "spec"):
        pod, path = pod[step], f"{path}/{step}"
    patch = [
        {"op": "replace", "path": f"{path}/{field}/{number}/image", "value": MIRROR + one["image"].rpartition("/")[2]}
        for field in ("containers", "initContainers")
        for number, one in enumerate(pod.get(field, []))
    ]
    if thing["kind"] == "CronJob" and not any(one["name"] == SIDECAR["name"] for one in pod["containers"]):
        patch.append({"op": "add", "path": f"{path}/containers/-", "value": SIDECAR})
    return patch


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = base64.b64encode(json.dumps(_mutated(asked["request"]["object"])).encode()).decode()
        response = {"uid": asked["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        answer: dict[str, Any] = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def install_prometheus_operator(api: ClusterApi) -> None:
    """Have the API server know the operator's kind of alerts; in this stand-in without its schema."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "PrometheusRule", "plural": "prometheusrules", "singular": "prometheusrule"}
    served = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    api.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "prometheusrules.monitoring.coreos.com"},
            "spec": {
                "group": "monitoring.coreos.com",
                "scope": "Namespaced",
                "names": names,
                "versions": [served],
            },
        },
        "test",
    )
    until(lambda: api.serves("monitoring.coreos.com/v1", "PrometheusRule"), "the kind is served")


@contextmanager
def mirroring(api: ClusterApi) -> Iterator[None]:
    """Run the webhook, and have the API server ask it of all that has pods of its own."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    verbs = ["CREATE", "UPDATE"]
    kinds = (("batch", ["jobs", "cronjobs"]), ("apps", ["deployments"]), ("monitoring.coreos.com", ["prometheusrules"]))
    api.apply(
        {
            "apiVersion": WEBHOOK.api_version,
            "kind": WEBHOOK.kind,
            "metadata": {"name": WEBHOOK.name},
            "webhooks": [
                {
                    "name": "mirror.lab.invalid",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "failurePolicy": "Fail",
                    "clientConfig": {
                        "url": f"https://127.0.0.1:{server.server_port}/",
                        "caBundle": base64.b64encode(authority.cert_pem.bytes()).decode(),
                    },
                    "rules": [
                        {"apiGroups": [group], "apiVersions": ["v1"], "operations": verbs, "resources": resources}
                        for group, resources in kinds
                    ],
                }
            ],
        },
        "test",
    )
    probe = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}},
    }
    until(lambda: MIRROR in str(api.apply(probe, "test", dry_run=True).object["spec"]), "the webhook is asked")
    try:
        yield
    finally:
        api.delete_with_dependents(WEBHOOK)
        server.shutdown()
        server.server_close()
