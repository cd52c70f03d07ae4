"""The whole, wired in the order in which the data flows: namespaces, disk, volume, the sync, Immich, public access."""

from dataclasses import replace
from typing import Final

import pulumi

from clients.kubernetes import Manifest
from components import mount_admission
from components.directory import DirectoryManifests, PhotoDirectory
from components.external_library import ExternalLibrary
from components.managed import register
from components.mutated import keeping
from components.outputs import Outputs
from components.photo_sync import PhotoSynchronisation
from components.plan import Plan
from components.storage import PhotoVolume
from providers.fragment import Fragment
from providers.mount_at_admission import AdmittedMount, MountAtAdmission

_TYPE = "immich-icloud:index:PhotoStack"
NAME: Final = "immich-icloud"
"""Of the one in existing states: the names of any other's resources begin with its own."""
_Resources = list[pulumi.Resource]


class PhotoStack(pulumi.ComponentResource):
    """Immich with the household's photos, reachable at its host."""

    outputs: Outputs

    def __init__(self, name: str, plan: Plan, opts: pulumi.ResourceOptions) -> None:
        states = [keeping(plan.mutated)] if plan.mutated else []
        of_all = pulumi.ResourceOptions(transformations=[_deleted_first, *states])
        super().__init__(_TYPE, name, None, pulumi.ResourceOptions.merge(opts, of_all))
        # Existing states have names without a prefix, which stay: with `refresh` the engine panics at a component that
        # is renamed by an alias (pulumi/pulumi#21404).
        self._prefix = prefix = "" if name == NAME else f"{name}-"
        owner = plan.ownership

        # Labels come before the pods that need them.
        if plan.photo_sync_is_found:
            photo_sync = self._entries("photo-sync-labels", plan, plan.photo_sync_entries)
        else:
            ours = self._after(was_in="OurNamespace")
            photo_sync = [register(f"{prefix}photo-sync-namespace", plan.photo_sync.manifest, ours, protect=True)]
        immich = self._entries("immich-labels", plan, plan.immich_entries)

        stored: _Resources = [*photo_sync]
        if plan.volume and plan.claim:
            pair = plan.volume.manifest, plan.claim.manifest
            stored.append(PhotoVolume(f"{prefix}photos", *pair, owner, self._after(*photo_sync)))
        directory = PhotoDirectory(
            f"{prefix}directory",
            DirectoryManifests(
                plan.directory_job.manifest,
                plan.directory_record.manifest,
                plan.directory_policy.manifest,
                plan.disk_identity,
            ),
            owner,
            self._after(*stored),
        )

        if plan.sync:
            PhotoSynchronisation(f"{prefix}sync", plan.sync, self._after(*stored, directory))
        for resource, watched in plan.monitored.items():
            register(f"{prefix}{resource}", watched, self._after(*photo_sync))

        # A pod mounts the directory only once it is there.
        mountable: _Resources = [*immich, directory]
        if plan.immich_volume and plan.immich_claim:
            read_only = plan.immich_volume.manifest, plan.immich_claim.manifest
            mountable.append(PhotoVolume(f"{prefix}immich-photos", *read_only, owner, self._after(*immich)))
        mounted = self._mounted(plan, mountable)
        self.outputs = plan.outputs
        if plan.libraries:
            shown = ExternalLibrary(f"{prefix}library", plan.libraries, self._after(*mounted))
            self.outputs = replace(self.outputs, libraries=shown.overview)

        # The Ingress comes last: of two hosts it serves the new one only when the rest leads there.
        reachable = [*mounted]
        if plan.public_access:
            from components.cloudflare import CloudflareRoute  # noqa: PLC0415 (see there)

            after = self._after(*mounted)
            internet = CloudflareRoute(prefix, plan.public_access, plan.connector, after)
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
            kind = "ingress" if plan.route.ref.kind == "Ingress" else "http-route"
            last = self._after(*reachable, was_in="ImmichRoute", was_named="route-mark")
            register(f"{prefix}route-{kind}", plan.route.manifest, last, owner)

        self.register_outputs(self.outputs.exported())

    def _mounted(self, plan: Plan, mountable: _Resources) -> _Resources:
        """Mount the photos, and from then on let no pod of Immich start without them."""
        policy, binding = plan.mount_policy or (None, None)
        mounted = mountable
        manifest = policy.manifest if policy else None
        if plan.mount_admission:
            objects = [one.manifest for one in plan.mount_admission]
            admitted = AdmittedMount(objects, mount_admission.stamp(plan.mounts[0]), list(plan.mounts), manifest)
            mounted = [MountAtAdmission(f"{self._prefix}immich-mount-at-admission", admitted, self._after(*mountable))]
        elif plan.states_mount:  # where the chart mounts it, preflight has seen that it does
            mounted = []
            for mount in plan.mounts:
                # States know the first one by this name.
                of = f"-of-{mount['kind'].lower()}-{mount['metadata']['name']}" if mounted else ""
                claim = plan.ownership.claim(mount, manifest)
                after = self._after(*mountable, was_in="ImmichMount")
                mounted.append(Fragment(f"{self._prefix}immich-mount-fragment{of}", claim, after))
        if policy and binding:
            # A new mount is demanded only once it is there; until then, see `clients/admission.py`.
            after = self._after(*mounted, was_in="MountPolicy")
            denies = register(f"{self._prefix}immich-mount-policy-policy", policy.manifest, after)
            after = self._after(denies, was_in="MountPolicyBinding")
            name = f"{self._prefix}immich-mount-policy-binding-binding"
            return [*mounted, register(name, binding.manifest, after)]
        return mounted

    def _entries(self, name: str, plan: Plan, fragment: Manifest | None) -> _Resources:
        """Register what is stated in a namespace that this stack does not manage, where there is anything."""
        if fragment is None:
            return []
        return [Fragment(f"{self._prefix}{name}", plan.ownership.claim(fragment), self._after(was_in="FoundNamespace"))]

    def _after(self, *before: pulumi.Resource, was_in: str = "", was_named: str = "") -> pulumi.ResourceOptions:
        """Build the options of a resource that comes after others.

        Args:
            before: what comes first.
            was_in: the component of one resource that held it in older states.
            was_named: the name that the annotations of an adopted object have in older states.

        """
        aliases: list[pulumi.Alias] = []
        if was_in:
            # Of a parent's URN an alias has only the types.
            place = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{_TYPE}$immich-icloud:index:{was_in}::-"
            aliases = [pulumi.Alias(parent=place), *([pulumi.Alias(was_named, parent=place)] if was_named else [])]
        return pulumi.ResourceOptions(parent=self, depends_on=list(before), aliases=aliases)


def _deleted_first(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Have what is known by its name deleted before it is replaced: after it, the new one would be deleted.

    `pulumi up --replace` asks no provider, which else says so. It replaces nothing that is protected: there, a claim of
    another name has to be created before pods let go of the old one.
    """
    if args.opts.protect or not args.type_.startswith(("kubernetes:", "pulumi-python:dynamic/")):
        return None
    first = pulumi.ResourceOptions(delete_before_replace=True)
    return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, first))
