"""What preflight says of a locally managed tunnel, whose rules are in a file beside its cloudflared. Pure."""

from collections.abc import Iterator

from clients.cloudflare import Tunnel
from clients.connector_file import is_tunnel_id
from clients.ingress_rules import spoken
from clients.kubernetes import Ref
from clients.tunnel_manager import Manager, manager
from clients.wording import CONNECTOR_RESTARTS
from components.local_route import Left, LocalRoute, Standing
from observe.cloudflare import CloudflareSeen, tunnel_of
from observe.local_tunnel import LocalTunnelSeen
from preflight import wording
from settings import Settings
from settings.cloudflare import LocalTunnel
from text.finding import Finding


def missing(settings: Settings, cloudflare: LocalTunnel, facts: CloudflareSeen) -> Iterator[Finding]:
    """Find why it is unclear which tunnel the host goes through, or why this one is of another kind."""
    local = facts.local or LocalTunnelSeen()
    name, tunnel = local.tunnel(cloudflare), tunnel_of(settings, facts.tunnels, local)
    if tunnel and not tunnel.deleted:
        if manager(tunnel, local.configuration) is Manager.CLOUDFLARE or any(pod.remote for pod in local.pods):
            yield wording.TUNNEL_REMOTE.found(tunnel.name)
        elif local.connector and _runs_another(tunnel, facts, local):
            yield wording.CONNECTOR_ELSEWHERE.found(Ref.of(local.connector.workload), name=tunnel.name)
    elif name:
        has = ", ".join(sorted(one.name for one in facts.tunnels if not one.deleted)) or "none"
        yield wording.TUNNEL_MISSING.found(name=name, has=has)
    elif len(local.connectors) > 1:
        has = "; ".join(sorted(one.place for one in local.connectors))
        yield wording.CONNECTORS_SEVERAL.found(has=has)
    elif local.connector:
        yield wording.TUNNEL_UNNAMED.found(Ref.of(local.connector.workload))
    else:
        yield wording.CONNECTOR_MISSING.found()


def _runs_another(tunnel: Tunnel, facts: CloudflareSeen, local: LocalTunnelSeen) -> bool:
    """Whether the pods say that they run another tunnel, or the id that they are told to run; unknown is no."""
    ours, there = {pod.id for pod in local.pods} - {""}, {one.id for one in facts.connectors} - {""}
    if ours and there:
        return not ours & there
    told = local.connector.tunnel if local.connector else ""
    return is_tunnel_id(told) and told.lower() != tunnel.id


def findings(settings: Settings, facts: CloudflareSeen, route: LocalRoute, *, ours: bool) -> Iterator[Finding]:
    """Find what is left to do in the file, and what would keep cloudflared from reading it.

    `ours`: whether this stack writes its rule into it.
    """
    if ours and facts.local and facts.local.trial:
        yield from facts.local.trial.problems
        yield from facts.local.trial.news
        count, pods = sum(bool(one.connections) for one in facts.connectors), facts.local.readers
        if facts.local.trial.changes and count > pods:
            yield wording.CONNECTORS_ELSEWHERE.found(route.place, count=count, pods=pods)
        if any(one.code == CONNECTOR_RESTARTS.code for one in facts.local.trial.news):
            yield from _not_read(facts.local, route)
        return
    tunnel = tunnel_of(settings, facts.tunnels, facts.local)
    if tunnel and facts.local and manager(tunnel, facts.local.configuration) is Manager.UNKNOWN:
        yield wording.MANAGER_UNKNOWN.found(tunnel.name)
    if route.fault:
        yield wording.DOCUMENT_INVALID.found(route.place, fault=route.fault)
    host = settings.host
    if route.kept and route.left is Left.WRITE:
        yield wording.DOCUMENT_KEPT.found(route.place, reason=route.kept)
    match route.left:
        case Left.RESTART:
            yield wording.RULE_NOT_RUNNING.found(route.place, host=host)
        case Left.WRITE if route.document is Standing.SHADOWED:
            taking = "; ".join(map(spoken, route.taking))
            yield wording.RULE_SHADOWED.found(route.place, host=host, taking=taking)
        case Left.WRITE:
            yield wording.RULE_TO_WRITE.found(route.place, host=host, how=route.to_write(host), lines=route.lines)


def _not_read(local: LocalTunnelSeen, route: LocalRoute) -> Iterator[Finding]:
    """Say what else the restart puts in force, as far as it is known which rules run."""
    running = next(iter(local.running), [])
    if not running:
        yield wording.RUNNING_UNKNOWN.found(route.place)
        return
    runs, is_written = list(map(spoken, running)), list(map(spoken, route.rules))
    added = [f"+ {rule}" for rule in is_written if rule not in runs]
    removed = [f"- {rule}" for rule in runs if rule not in is_written]
    if runs != is_written:
        yield wording.RESTART_CHANGES.found(route.place, changes="; ".join([*added, *removed]) or "another order")
