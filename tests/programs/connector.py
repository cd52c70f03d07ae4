"""A program with the objects of a tunnel's connector, as `wanted.json` in the project directory has them."""

import json
from pathlib import Path

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import ContainerArgs, PodSpecArgs, PodTemplateSpecArgs, Secret
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

wanted = json.loads(Path("wanted.json").read_text())
provider = Provider(
    "kubernetes",
    kubeconfig=wanted["kubeconfig"],
    context="lab",
    cluster_identifier="lab",
    enable_server_side_apply=True,
    upsert_existing_objects=True,
    enable_patch_force=True,
)
opts = pulumi.ResourceOptions(provider=provider)
metadata = ObjectMetaArgs(name="cloudflared")
labels = {"app": "cloudflared"}
ours = LabelSelectorArgs(match_labels=labels)

Secret("token", metadata=metadata, string_data={"token": pulumi.Output.secret(wanted["token"])}, opts=opts)
Deployment(
    "connector",
    metadata=metadata,
    spec=DeploymentSpecArgs(
        replicas=wanted["replicas"],
        selector=ours,
        template=PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels),
            spec=PodSpecArgs(containers=[ContainerArgs(name="cloudflared", image="cloudflare/cloudflared:2026.7.3")]),
        ),
    ),
    opts=opts,
)
PodDisruptionBudget(
    "budget", metadata=metadata, spec=PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=ours), opts=opts
)
NetworkPolicy(
    "policy",
    metadata=metadata,
    spec=NetworkPolicySpecArgs(
        pod_selector=ours,
        policy_types=["Ingress", "Egress"],
        egress=[
            NetworkPolicyEgressRuleArgs(
                ports=[NetworkPolicyPortArgs(port=port, protocol="UDP") for port in wanted["ports"]]
            )
        ],
    ),
    opts=opts,
)
