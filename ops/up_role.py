"""What a preview and `up` have to be allowed in the cluster: what they read, and to write what the plan states.

The stack's namespaces have to be there before, with the stack's mark: else a role that lets Jobs and Secrets be made
would have to be of the whole cluster.
"""

from collections import defaultdict
from collections.abc import Iterator

from clients.immich_lease import lease_of
from clients.kubernetes import Manifest, Ref
from components import immich_server
from components.connector import Origin
from components.ownership import STACK_MARK, Ownership
from components.plan import Found, Plan, plan
from ops.verify_role import LEASES, granted, reads, rule
from settings import PROJECT, Settings
from settings.cloudflare import LocalTunnel, OnCloudflare, SharedTunnel
from settings.route import Ingress

ACCOUNT = "immich-icloud-up"
_APPS = ("deployments", "statefulsets", "daemonsets")
_LOOK = ("get", "list", "watch")
_OF_NAMES = ("get", "patch", "update", "delete")
# What makes an object has no name yet. To wait for a deletion, Pulumi's provider lists and watches all of the kind in
# the namespace; where it may not, it waits without end (source: pulumi-kubernetes, provider/pkg/await/informers).
_OF_ALL = ("create", "list", "watch")
_LEASED = ("get", "update", "delete")


def manifests(settings: Settings, stack: str) -> list[Manifest]:
    """Build the stack's namespaces, a ServiceAccount in Immich's, its roles, and their bindings."""
    owner = Ownership(f"{PROJECT}/{stack}")
    servers = (immich_server.expected(settings.immich),)
    # Only names and places matter, not where a connector leads to.
    stated = plan(settings, Found(servers, origin=Origin(settings.immich.namespace, {}, 1)), owner)
    rules = reads(settings)
    for place, more in (*_writes(stated), *_beside(settings, stated)):
        rules.setdefault(place, []).append(more)
    return [*_namespaces(stated), *granted(ACCOUNT, settings.immich.namespace, stack, rules)]


def _objects(plan: Plan) -> list[Ref]:
    return [
        *(managed.ref for managed in plan.managed_objects()),
        *map(Ref.of, (*plan.fragments(), *plan.disk_identity)),
    ]


def _namespaces(plan: Plan) -> Iterator[Manifest]:
    for managed in plan.managed_objects():
        if managed.ref.kind == "Namespace":
            marked = {"name": managed.ref.name, "annotations": {STACK_MARK: plan.ownership.stack}}
            yield {"apiVersion": "v1", "kind": "Namespace", "metadata": marked}


def _writes(plan: Plan) -> Iterator[tuple[str | None, Manifest]]:
    """Let each object of the plan be made, changed and removed, by its name."""
    names: dict[tuple[str | None, str, str], list[str]] = defaultdict(list)
    for ref in _objects(plan):
        group = ref.api_version.rpartition("/")[0]
        names[ref.namespace, group, ref.collection.rpartition("/")[2]].append(ref.name)
    for (place, group, resource), named in names.items():
        yield place, rule(group, (resource,), _OF_NAMES, tuple(dict.fromkeys(named)))
        yield place, rule(group, (resource,), _OF_ALL)
        if resource == "services":
            yield place, rule(group, ("endpoints",), _LOOK)  # a Service is ready with them


def _beside(settings: Settings, plan: Plan) -> Iterator[tuple[str | None, Manifest]]:
    immich, sync = settings.immich.namespace, settings.photo_sync.namespace
    # Who writes to the photo disk: any pod may.
    for group, resources in (("", ("pods",)), ("apps", (*_APPS, "replicasets")), ("batch", ("jobs", "cronjobs"))):
        yield None, rule(group, resources, ("list",))
    # Immich's workloads, found by their image: their entries, how they roll out, and why they do not.
    yield immich, rule("apps", _APPS, (*_LOOK, "patch"))
    yield immich, rule("coordination.k8s.io", ("leases",), _LEASED, (lease_of(immich).name,))
    yield immich, rule("coordination.k8s.io", ("leases",), ("create",))
    adopts = settings.adopt_existing and isinstance(settings.cloudflare, OnCloudflare)  # a record: what was there
    if adopts or isinstance(settings.cloudflare, SharedTunnel | LocalTunnel):
        yield LEASES, rule("coordination.k8s.io", ("leases",), (*_LEASED, "create"))
    if isinstance(settings.route, Ingress) and (secret := settings.route.own_secret):
        yield immich, rule("", ("secrets",), ("get",), (secret,))  # whether the certificate is there
    # To write the rule, and to restart what reads it: only where the settings name the file.
    if isinstance(settings.cloudflare, LocalTunnel) and (file := settings.cloudflare.config):
        yield file.namespace, rule("", ("configmaps",), ("get", "update"), (file.name,))
        yield file.namespace, rule("apps", (*_APPS, "replicasets"), (*_LOOK, "patch"))
        yield file.namespace, rule("", ("pods", "events"), _LOOK)
    # What runs once: the disk check before a scan, and a directory Job that is made again.
    yield sync, rule("batch", ("jobs",), (*_LOOK, "create", "delete"))
    places = {ref.namespace for ref in _objects(plan) if ref.namespace}
    for place in sorted(places):
        yield place, rule("", ("pods",), (*_LOOK, "create", "delete"))  # as a dry run, which quotas answer
        yield place, rule("", ("pods/log",), ("get",))
        yield place, rule("", ("events", "persistentvolumeclaims"), _LOOK)
        yield place, rule("apps", ("deployments", "replicasets"), _LOOK)
