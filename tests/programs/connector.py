"""A program with the objects of a tunnel's connector, as `wanted.json` in the project directory has them."""

import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

wanted = json.loads(Path("wanted.json").read_text())
opts = pulumi.ResourceOptions(
    provider=k8s.Provider("kubernetes", kubeconfig=wanted["kubeconfig"], context="lab", cluster_identifier="lab")
)
name = {"name": "cloudflared"}
labels = {"app": "cloudflared"}

secret = k8s.core.v1.Secret(
    "token", metadata=name, string_data={"token": pulumi.Output.secret(wanted["token"])}, opts=opts
)
k8s.apps.v1.Deployment(
    "connector",
    metadata=name,
    spec={
        "replicas": wanted["replicas"],
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "cloudflared", "image": "cloudflare/cloudflared:2026.7.3"}]},
        },
    },
    opts=opts,
)
k8s.policy.v1.PodDisruptionBudget(
    "budget", metadata=name, spec={"maxUnavailable": 1, "selector": {"matchLabels": labels}}, opts=opts
)
k8s.networking.v1.NetworkPolicy(
    "policy",
    metadata=name,
    spec={
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"ports": [{"port": port, "protocol": "UDP"} for port in wanted["ports"]]}],
    },
    opts=opts,
)
pulumi.export("data", secret.data)
