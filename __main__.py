"""One stack: settings in, preflight asked, PhotoStack built, outputs out."""

import gc
import os

import pulumi
import pulumi_kubernetes as kubernetes

import preflight
import settings
from components.photo_stack import NAME, PhotoStack

# `make down` names the stack here: it is removed even where cluster or stack file would not allow it.
removing = os.environ.get("IMMICH_ICLOUD_REMOVING") == pulumi.get_stack()

connections = settings.load_connections()
cluster = connections.cluster
plan = preflight.of_removal(connections) if removing else preflight.check(settings.load(), settings.stack_id())
providers: list[pulumi.ProviderResource] = [
    kubernetes.Provider(
        "cluster",
        kubeconfig=str(cluster.kubeconfig_file),
        context=cluster.context,
        # Without it, a server address that changed would replace every object, volumes included.
        cluster_identifier=cluster.identifier,
        enable_server_side_apply=True,
        # An `up` that was killed leaves objects that the state does not know. Preflight decides what may be adopted.
        upsert_existing_objects=True,
        # Drift made with kubectl would make a preview red, and only that. Other managers' claims preflight refuses.
        enable_patch_force=True,
    )
]
if connections.uses_cloudflare:
    gc.disable()  # The classes that this imports stay: to look for garbage among them takes as long as all the rest.
    from components.cloudflare import provider  # (only then: see there)

    gc.freeze()
    gc.enable()
    providers.append(provider(connections.cloudflare_token))

if plan:
    stack = PhotoStack(NAME, plan, pulumi.ResourceOptions(providers=providers))
    for name, value in stack.outputs.exported().items():
        pulumi.export(name, value)
