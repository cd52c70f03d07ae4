"""The whole, wired in the order in which the data flows: namespaces, disk, volume, the sync, Immich, public access."""

from collections.abc import Callable
from dataclasses import replace

import pulumi

from components.directory import DirectoryManifests, PhotoDirectory
from components.external_library import ExternalLibrary
from components.immich_mount import ImmichMount
from components.mount_policy import MountPolicy, MountPolicyBinding
from components.namespace import FoundNamespace, OurNamespace
from components.outputs import Outputs
from components.photo_sync import PhotoSynchronisation
from components.plan import Plan
from components.route import ImmichRoute
from components.storage import PhotoVolume


class PhotoStack(pulumi.ComponentResource):
    """Immich with the household's photos, reachable at its host."""

    outputs: Outputs

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:PhotoStack", name, None, opts)
        owner = plan.ownership

        def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(resources))

        # Labels come before the pods that need them.
        photo_sync: pulumi.Resource
        if plan.photo_sync_is_found:
            photo_sync = FoundNamespace("photo-sync", plan.photo_sync_entries, owner, after())
        else:
            photo_sync = OurNamespace("photo-sync", plan.photo_sync.manifest, after())
        immich = FoundNamespace("immich", plan.immich_entries, owner, after())

        volume = PhotoVolume("photos", plan.volume.manifest, plan.claim.manifest, owner, after(photo_sync))
        directory = PhotoDirectory(
            "directory",
            DirectoryManifests(
                plan.directory_job.manifest,
                plan.directory_record.manifest,
                plan.directory_policy.manifest,
                plan.disk_identity,
            ),
            owner,
            after(photo_sync, volume),
        )

        if plan.sync:
            PhotoSynchronisation("sync", plan.sync, after(photo_sync, volume, directory))

        # A pod mounts the directory only once it is there.
        mountable: list[pulumi.Resource] = [immich, directory]
        if plan.immich_volume and plan.immich_claim:
            readable = PhotoVolume(
                "immich-photos", plan.immich_volume.manifest, plan.immich_claim.manifest, owner, after(immich)
            )
            mountable.append(readable)
        mounted = _mounted(plan, mountable, after)
        self.outputs = plan.outputs
        if plan.libraries:
            shown = ExternalLibrary("library", plan.libraries, after(*mounted))
            self.outputs = replace(self.outputs, libraries=shown.overview)

        # The Ingress comes last: of two hosts it serves the new one only when the rest leads there.
        reachable = [*mounted]
        if plan.public_access:
            from components.cloudflare import CloudflareRoute  # noqa: PLC0415 (see there)

            internet = CloudflareRoute("cloudflare", plan.public_access, plan.connector, after(*mounted))
            reachable.append(internet)
            self.outputs = replace(
                self.outputs,
                dns_record=plan.public_access.record.name,
                dns_target=internet.record_target,
                tunnel_id=internet.tunnel_id,
                access_client_id=internet.access.client_id if internet.access else None,
                access_client_secret=internet.access.client_secret if internet.access else None,
            )

        if plan.route:
            ImmichRoute("route", plan.route.manifest, owner, after(*reachable))

        self.register_outputs(self.outputs.exported())


def _mounted(
    plan: Plan, mountable: list[pulumi.Resource], after: Callable[..., pulumi.ResourceOptions]
) -> list[pulumi.Resource]:
    """Mount the photos, and from then on let no pod of Immich start without them."""
    policy, binding = plan.mount_policy or (None, None)
    # Where the chart mounts it, preflight has seen that it does.
    mounted = mountable
    if plan.mount_is_ours:
        manifest = policy.manifest if policy else None
        mounted = [ImmichMount("immich-mount", plan.mounts, manifest, plan.ownership, after(*mountable))]
    if policy and binding:
        denies = MountPolicy("immich-mount-policy", policy.manifest, after(*mounted))
        return [*mounted, MountPolicyBinding("immich-mount-policy-binding", binding.manifest, after(denies))]
    return mounted
