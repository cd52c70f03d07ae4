"""One stack: settings in, preflight asked, PhotoStack built, outputs out."""

import os
from dataclasses import asdict

import pulumi
import pulumi_kubernetes as kubernetes

import preflight
import settings
from components.photo_stack import PhotoStack

# `make down` names the stack here: what is ours has to go even where cluster or stack file would not let it come.
removing = os.environ.get("IMMICH_ICLOUD_REMOVING") == pulumi.get_stack()

cluster = settings.load_cluster()
plan = None if removing else preflight.check(settings.load(), settings.stack_id())
provider = kubernetes.Provider(
    "cluster",
    kubeconfig=str(cluster.kubeconfig_file),
    context=cluster.context,
    # Without it, a server address that changed would replace every object, volumes included.
    cluster_identifier=cluster.identifier,
    enable_server_side_apply=True,
    # An `up` that was killed leaves objects that the state does not know. What may be taken over, preflight decides.
    upsert_existing_objects=True,
    # Drift made with kubectl would make a preview red, and only that; other field managers' claims preflight refuses.
    enable_patch_force=True,
)

if plan:
    stack = PhotoStack("immich-icloud", plan, pulumi.ResourceOptions(provider=provider))
    for name, value in asdict(stack.outputs).items():
        pulumi.export(name, value)
