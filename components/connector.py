"""cloudflared, the connector of this stack's own tunnel, in its own namespace."""

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from clients.kubernetes import Manifest, Ref
from clients.nodes import HOST_NAME
from components import images, network, pod_security
from components.managed import register
from components.ownership import Ownership
from components.pods import alone, confined, sized
from settings.cloudflare import Cloudflared, OwnTunnel
from settings.origin import CA_FILE

_NAME = "cloudflared"
_TOKEN_KEY = "token"  # noqa: S105 (a key's name)
_CA = "origin-ca"
_CA_DIRECTORY, _CA_KEY = posixpath.split(CA_FILE)
_LABELS = {"app.kubernetes.io/name": _NAME}
_METRICS = 2000
_NONROOT = 65532  # the image's own user
# Where cloudflared calls Cloudflare's edge: QUIC, or HTTP/2 over TCP (source: Cloudflare's "Tunnel with firewall").
_EDGE = 7844


@dataclass(frozen=True)
class Origin:
    """The Service that the tunnel leads to, as a NetworkPolicy has to name it.

    Attributes:
        namespace: its namespace.
        pods: labels of its pods; empty where they would tell nothing: a Service without a selector, a node's network.
        port: the port of its pods, by number or name.

    """

    namespace: str
    pods: Mapping[str, str]
    port: int | str


@dataclass(frozen=True)
class Connector:
    """Its manifests; the Secret's data is known only once the tunnel is there."""

    namespace: Manifest
    secret: Manifest
    certificates: Manifest | None
    deployment: Manifest
    disruption_budget: Manifest
    network_policy: Manifest


def names(tunnel: OwnTunnel) -> Iterator[Ref]:
    """Name the objects of a tunnel's connector."""
    namespace = tunnel.namespace
    yield Ref("v1", "Namespace", namespace)
    if tunnel.origin.ca_pool:
        yield Ref("v1", "ConfigMap", _NAME, namespace)
    yield Ref("v1", "Secret", _NAME, namespace)
    yield Ref("apps/v1", "Deployment", _NAME, namespace)
    yield Ref("policy/v1", "PodDisruptionBudget", _NAME, namespace)
    yield Ref("networking.k8s.io/v1", "NetworkPolicy", _NAME, namespace)


def pods(tunnel: OwnTunnel) -> Manifest:
    """Build the labels by which a NetworkPolicy selects its pods."""
    return {**_all_of(tunnel.namespace), "podSelector": {"matchLabels": _LABELS}}


def connector(tunnel: OwnTunnel, origin: Origin, ownership: Ownership, egress: Iterable[Manifest] = ()) -> Connector:
    """Build the manifests; `egress`: what else its pods may call, as rules of a NetworkPolicy."""
    namespace = tunnel.namespace

    def named(api_version: str, kind: str, **parts: Any) -> Manifest:
        return ownership.whole(Ref(api_version, kind, _NAME, namespace), labels=_LABELS, **parts)

    authority = tunnel.origin.ca_pool
    pod = _pod(tunnel.cloudflared, authority)
    # cloudflared reads it when it starts.
    annotations = {"annotations": {"immich-icloud/origin-ca": _hash(authority)}} if authority else {}
    template = {"metadata": {"labels": _LABELS, **annotations}, "spec": pod}
    deployment = {"replicas": tunnel.cloudflared.replicas, "selector": {"matchLabels": _LABELS}, "template": template}
    return Connector(
        namespace=pod_security.namespace(namespace, pod_security.needed(pod), ownership),
        secret=named("v1", "Secret", type="Opaque"),
        certificates=named("v1", "ConfigMap", data={_CA_KEY: authority}) if authority else None,
        deployment=named("apps/v1", "Deployment", spec=deployment),
        disruption_budget=named(
            "policy/v1", "PodDisruptionBudget", spec={"maxUnavailable": 1, "selector": {"matchLabels": _LABELS}}
        ),
        network_policy=named(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec=_only_what_it_needs(origin, tunnel.cloudflared.metrics_from, egress),
        ),
    )


def _pod(stated: Cloudflared, authority: str | None) -> Manifest:
    token = {"name": "TUNNEL_TOKEN", "valueFrom": {"secretKeyRef": {"name": _NAME, "key": _TOKEN_KEY}}}
    # cloudflared's own defaults apply where nothing is set.
    options, default = _options(stated), _options(Cloudflared())
    variables = [{"name": name, "value": value} for name, value in options.items() if value != default[name]]
    container = {
        "name": _NAME,
        "image": images.CLOUDFLARED,
        # The pod has a digest: what it runs changes with the stack, never by itself.
        "args": ["tunnel", "--no-autoupdate", "--metrics", f"0.0.0.0:{_METRICS}", "run"],
        "env": [token, *variables],
        "ports": [{"name": "metrics", "containerPort": _METRICS, "protocol": "TCP"}],
        # Ready means connected to Cloudflare (source: cloudflared, metrics/readiness.go).
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "metrics"}, "periodSeconds": 10},
        "resources": sized(stated.resources, cpu="10m", memory="64Mi", most="256Mi"),
        "securityContext": confined(),
        **({"volumeMounts": [{"name": _CA, "mountPath": _CA_DIRECTORY, "readOnly": True}]} if authority else {}),
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": HOST_NAME,
        "whenUnsatisfiable": "ScheduleAnyway",  # a homelab may have one node
        "labelSelector": {"matchLabels": _LABELS},
    }
    return {
        **alone(runAsNonRoot=True, runAsUser=_NONROOT, runAsGroup=_NONROOT),
        **({"nodeSelector": dict(stated.node_selector)} if stated.node_selector else {}),
        "topologySpreadConstraints": [spread],
        "containers": [container],
        **({"volumes": [{"name": _CA, "configMap": {"name": _NAME}}]} if authority else {}),
    }


def _options(stated: Cloudflared) -> dict[str, str]:
    return {
        "TUNNEL_TRANSPORT_PROTOCOL": stated.protocol,
        "TUNNEL_EDGE_IP_VERSION": stated.edge_ip_version.removeprefix("ipv"),
    }


def _only_what_it_needs(origin: Origin, metrics_from: str | None, more: Iterable[Manifest]) -> Manifest:
    edge = [{"protocol": protocol, "port": _EDGE} for protocol in ("UDP", "TCP")]
    to_origin: Manifest = {"ports": [{"protocol": "TCP", "port": origin.port}]}
    if origin.pods:
        to_origin["to"] = [{**_all_of(origin.namespace), "podSelector": {"matchLabels": dict(origin.pods)}}]
    metrics = {"ports": [{"protocol": "TCP", "port": _METRICS}], "from": [_all_of(metrics_from or "")]}
    return {
        "podSelector": {"matchLabels": _LABELS},
        # Closed to all others: the kubelet's probe comes from the pod's own node, which is always let in.
        "policyTypes": ["Ingress", "Egress"],
        **({"ingress": [metrics]} if metrics_from else {}),
        "egress": [
            network.NAMES,
            {"ports": edge},
            to_origin,
            *more,
        ],
    }


def _all_of(namespace: str) -> Manifest:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class TunnelConnector(pulumi.ComponentResource):
    """Replicas of cloudflared that keep a tunnel connected."""

    def __init__(
        self,
        name: str,
        plan: Connector,
        tunnel_id: pulumi.Output[str],
        token: pulumi.Output[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("immich-icloud:index:TunnelConnector", name, None, opts)

        def inside(*before: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(before))

        namespace = register(f"{name}-namespace", plan.namespace, inside())
        secret = register(f"{name}-token", {**plan.secret, "stringData": {_TOKEN_KEY: token}}, inside(namespace))
        policy = register(f"{name}-network-policy", plan.network_policy, inside(namespace))
        files = [register(f"{name}-certificates", plan.certificates, inside(namespace))] if plan.certificates else []
        budget = register(f"{name}-disruption-budget", plan.disruption_budget, inside(namespace))
        spec = plan.deployment["spec"]
        # Pods read the token when they start: with another one, of a tunnel that was made again or after a rotation,
        # they start again. A token is random: its hash tells nothing of it.
        digest = pulumi.Output.unsecret(token.apply(_hash))
        metadata = spec["template"]["metadata"]
        annotations = {
            **metadata.get("annotations", {}),
            "immich-icloud/tunnel": tunnel_id,
            "immich-icloud/token": digest,
        }
        metadata = {**metadata, "annotations": annotations}
        deployment = {**plan.deployment, "spec": {**spec, "template": {**spec["template"], "metadata": metadata}}}
        register(f"{name}-deployment", deployment, inside(secret, policy, budget, *files))
