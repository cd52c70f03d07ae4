"""From what was observed to the plan."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from clients.managed_fields import set_by_hand
from components import immich_mount, immich_server, kept, mount_policy, photo_sync, pod_security
from components.connector import Origin
from components.immich_mount import lacking
from components.ownership import Ownership
from components.plan import Found, Plan, plan
from components.pod_security import FoundLevels
from components.public_access import PAGE_RECORD_NAME, RECORD_NAME, FoundAtCloudflare, is_marked, page_record_name
from components.reworded import reworded
from observe import Observed, local_tunnel
from observe.cloudflare import CloudflareSeen, tunnel_of
from observe.cluster import ClusterSeen
from observe.state import first_mounted, ownership
from settings import Settings
from settings.cloudflare import DnsRecord, LocalTunnel, SharedTunnel
from settings.origin import PORTS
from text.hostname import normal
from text.resource_types import ADOPTED_RECORD, CLAIM, RECORD, VOLUME


def planned(settings: Settings, stack: str, observed: Observed) -> Plan:
    """Compute the plan; `stack` is `<project>/<stack>`. What has to be there, is."""
    live = observed.cluster.live
    owner = ownership(settings, stack, observed.known)
    owner = replace(owner, adopted=frozenset(ref for ref in live if owner.adopts(live[ref])))
    made = plan(settings, _found(settings, observed, owner), owner)
    return replace(
        made,
        mounts=tuple(reworded(mount, observed.cluster.workload(Ref.of(mount))) for mount in made.mounts),
        directory_job=replace(made.directory_job, manifest=_job(made.directory_job.manifest, live, owner)),
    )


def _job(wanted: Manifest, live: Mapping[Ref, Manifest], owner: Ownership) -> Manifest:
    """Keep the directory Job where only the stack's name is another one: that is no reason to run it again."""
    jobs = (one for ref, one in live.items() if ref.kind == wanted["kind"] and owner.owns(one))
    kept = (reworded(wanted, one) for one in jobs)
    return next((one for one in kept if one is not wanted), wanted)


def _found(settings: Settings, observed: Observed, owner: Ownership) -> Found:
    seen, immich = observed.cluster, settings.immich
    servers = immich_server.servers(immich, seen.workloads) or (immich_server.expected(immich),)
    mounts = [immich_mount.fragment(immich, settings.storage, server, owner) for server in servers]
    mounted = all(_is_mounted(mount, seen.workload(Ref.of(mount))) for mount in mounts)
    in_force = any(seen.live.get(ref) for ref in mount_policy.names(immich))
    first = first_mounted(observed.known)
    return Found(
        servers=tuple(sorted(servers, key=lambda server: server.ref != first)),
        job_by_hand=seen.directory_job is not None and not owner.owns(seen.directory_job),
        immich_levels=_levels(seen.namespace, owner),
        photo_sync_levels=_levels(seen.photo_sync, owner),
        cloudflare=at_cloudflare(settings, observed.cloudflare, owner) if observed.cloudflare else None,
        origin=origin(settings, seen),
        synced=synced(settings, seen.live),
        resolves=observed.resolves,
        mounted=mounted,
        policies=seen.policies,
        # One that is in force stays when the mount is gone: that is what it is for.
        guarded=mounted or in_force or immich.mount.kind != "chart",
        kept=_kept(observed, owner),
        node=seen.existing.node if seen.existing else "",
    )


def _kept(observed: Observed, owner: Ownership) -> dict[Ref, Manifest]:
    """Find what keeps its own values: what was adopted, or is now, and what the state knows of it where it is gone."""
    live = observed.cluster.live
    there = {ref: one for ref, one in live.items() if ref in owner.adopted or kept.keeps(one, owner)}
    known = (dict(one.outputs) for one in observed.known if one.type in {VOLUME, CLAIM})
    gone = {Ref.of(one): one for one in known if kept.keeps(one, owner)}
    return {ref: one for ref, one in gone.items() if ref not in live} | there


def _is_mounted(mount: Manifest, live: Manifest | None) -> bool:
    return live is not None and not [*lacking(mount, live["spec"]["template"]["spec"])]


def _levels(namespace: Manifest | None, ownership: Ownership) -> FoundLevels:
    if namespace is None:
        return FoundLevels()
    labels = namespace["metadata"].get("labels", {})
    found = {mode: labels.get(pod_security.label(mode)) for mode in pod_security.MODES}
    # The API server takes any other word for the strictest level.
    labelled = {mode: level for level in pod_security.LEVELS for mode, label in found.items() if label == level}
    staying = {
        mode
        for entry in namespace["metadata"].get("managedFields", [])
        for mode in labelled
        if f"f:{pod_security.label(mode)}" in entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:labels", {})
        and entry.get("manager", "") not in {ownership.manager, *ownership.other_names, OBJECT_MANAGER}
        and not (ownership.adopting and set_by_hand(entry.get("manager", "")))
    }
    return FoundLevels(labelled, {mode: labelled[mode] for mode in staying})


def synced(settings: Settings, live: Mapping[Ref, Manifest]) -> frozenset[str]:
    """Name the accounts whose photos have been fetched at least once, by hand or on schedule.

    A CronJob's status keeps that when the Job itself is gone, of a Job that was made of it by hand, too (source:
    Kubernetes, pkg/controller/cronjob/cronjob_controllerv2.go).
    """
    namespace = settings.photo_sync.namespace
    return frozenset(
        account.name
        for account in settings.photo_sync.accounts
        if live.get(Ref("batch/v1", "CronJob", photo_sync.cron_job_name(account.name), namespace), {})
        .get("status", {})
        .get("lastSuccessfulTime")
    )


def at_cloudflare(settings: Settings, seen: CloudflareSeen, ownership: Ownership) -> FoundAtCloudflare | None:
    """Draw what shapes the plan; None where there is no zone, or not yet what the record shall be like."""
    cloudflare = settings.cloudflare
    if seen.zone is None or (isinstance(cloudflare, DnsRecord) and cloudflare.same_as and not seen.siblings):
        return None
    local = local_tunnel.route(settings, seen.local) if seen.local else None
    types = {RECORD, ADOPTED_RECORD}
    known = {
        normal(str(one.outputs.get("name"))): one.name
        for one in seen.known
        if one.type in types and not one.name.startswith(PAGE_RECORD_NAME)
    }
    # A host that changes gets a record of its own, which is there before the old one is removed. It has another name in
    # the program: a replacement can't be imported, and of what it replaces an interrupted `up` would hide the id.
    free = f"{RECORD_NAME}-of-{settings.host}" if RECORD_NAME in known.values() else RECORD_NAME
    return FoundAtCloudflare(
        zone=seen.zone,
        tunnel=tunnel_of(settings, seen.tunnels, seen.local)
        if isinstance(settings.cloudflare, SharedTunnel | LocalTunnel)
        else None,
        local=local,
        file_rule=local_tunnel.our_rule(seen.local, local) if seen.local and local else None,
        inherited=seen.inherited,
        sibling=next(iter(seen.siblings), None),
        **_record(seen, ownership),
        record_name=known.get(settings.host, free),
        hosts_before=tuple(host for host in known if host != settings.host),
        pages={
            host: FoundAtCloudflare(seen.zone, **_record(seen.of(host), ownership), record_name=page_record_name(host))
            for host in settings.photo_sync.pages.values()
        },
    )


def _record(seen: CloudflareSeen, ownership: Ownership) -> dict[str, Any]:
    """Find a host's record, and say what becomes of it."""
    record = seen.our_record(ownership)
    if record is None:
        return {}
    known, marked = seen.in_state(record), is_marked(record, ownership)
    return {
        "record": record,
        "import_record": marked and not known,
        "adopt_record": seen.is_adopted(record) or not (known or marked),
    }


def origin(settings: Settings, seen: ClusterSeen) -> Origin | None:
    """Draw from the Service that a tunnel leads to what a NetworkPolicy has to name."""
    backend = settings.origin_service
    if backend is None:
        url = urlsplit(settings.origin_url)
        return Origin("", {}, url.port or PORTS[url.scheme])
    if seen.origin is None:
        return None
    wanted, spec = backend.port, seen.origin["spec"]
    targets: dict[int, int | str] = {
        port["port"]: port.get("targetPort", wanted) for port in immich_server.tcp_ports(seen.origin)
    }
    pods = {} if seen.origin_on_host else spec.get("selector") or {}
    return Origin(backend.namespace, pods, targets.get(wanted, wanted))
