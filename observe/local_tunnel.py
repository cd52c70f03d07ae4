"""The cloudflared of a locally managed tunnel, and the document that it reads."""

from base64 import b64decode
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from clients import connector_file, document_keeper, rollout
from clients.cloudflare import Configuration, Tunnel
from clients.connector_file import ConnectorFile
from clients.file_rule import FileRule, FileRuleDiff, compare
from clients.ingress_rules import Rule, spoken, taking
from clients.kubernetes import ClusterApi, Manifest, Ref, permitted
from clients.tunnel_configuration import ingress_of
from clients.tunnel_document import DocumentError, TunnelDocument, plain
from clients.tunnel_manager import Manager, manager
from components import local_route, public_access
from components.local_route import LocalRoute, Standing
from components.origin_request import inherited_of
from components.ownership import Ownership
from observe import connector_pods
from observe.connector_pods import RunningConnector
from observe.lists import Lists
from observe.state import Known
from settings import Settings
from settings.cloudflare import LocalTunnel
from settings.model import Backend
from settings.route import Gateway, Ingress
from text.owner_marks import INSTANCE
from text.resource_types import TUNNEL_FILE_RULE, WORKLOADS

_OF_A_SECRET = "is one that cloudflared refuses, or that this stack can't judge"  # noqa: S105 (words)

# By which controllers mark the Service that they make for a Gateway.
OF_GATEWAY = (
    "gateway.networking.k8s.io/gateway-name",
    "gateway.envoyproxy.io/owning-gateway-name",
    "io.cilium.gateway/owning-gateway",
)


@dataclass(frozen=True)
class FoundConnector:
    """A workload that runs cloudflared with a file.

    Attributes:
        workload: the workload.
        file: the file that it reads.
        holder: the ConfigMap that holds the file; None where that can't be read, or it is no ConfigMap.
        sharing: all workloads that read this file.
        secret: the document where a Secret holds it, and may be read: what it says of others is never shown.

    """

    workload: Manifest
    file: ConnectorFile
    holder: Manifest | None
    sharing: tuple[Manifest, ...] = ()
    secret: str | None = None

    @property
    def namespace(self) -> str:
        """The workload's namespace."""
        return str(self.workload["metadata"].get("namespace", ""))

    @property
    def text(self) -> str | None:
        """The document; None where it can't be read."""
        return ((self.holder or {}).get("data") or {}).get(self.file.key, self.secret)

    @property
    def tunnel(self) -> str:
        """The name or id of the tunnel that it runs; empty where neither says."""
        if named := connector_file.tunnel_argument(self.workload):
            return named
        with suppress(DocumentError):
            return str(TunnelDocument.read(self.text or "").rest.get("tunnel") or "")
        return ""

    @property
    def place(self) -> str:
        """Where the document is kept, as text."""
        where = f"key {self.file.key} of {self.file.holder}" if self.file.holder else self.file.path
        return f"{where} (read by {Ref.of(self.workload)})"

    @property
    def owner(self) -> str:
        """Who deploys it, as text; empty where nothing says so."""
        found = (document_keeper.deployer(thing) for thing in (self.holder, self.workload) if thing)
        return next(filter(None, found), "")


@dataclass(frozen=True)
class LocalTunnelSeen:
    """What runs a locally managed tunnel.

    Attributes:
        connectors: the workloads that may run it.
        serving: the Services that its document leads the host to, and that serve the stack's route.
        configuration: what cloudflared sent to Cloudflare; None where there is none.
        kept: why this stack may not write its document; empty where it may, or there is none to be read.
        claim: our rule in the document; None where this stack may not write it.
        trial: what the claim comes to; None where the state is not asked.
        pods: what its pods say of themselves, as far as they may be asked.

    """

    connectors: tuple[FoundConnector, ...] = ()
    serving: frozenset[Backend] = frozenset()
    configuration: Configuration | None = None
    kept: str = ""
    claim: FileRule | None = None
    trial: FileRuleDiff | None = None
    pods: tuple[RunningConnector, ...] = ()

    @property
    def running(self) -> list[Sequence[Rule]]:
        """The lists of rules that run: of each pod, or else as cloudflared sent them to Cloudflare."""
        known = [one.rules for one in self.pods if one.rules is not None]
        return [*known] or ([ingress_of(self.configuration)] if self.configuration else [])

    @property
    def readers(self) -> int:
        """How many pods read the document."""
        return sum(map(rollout.replicas, self.connector.sharing)) if self.connector else 0

    @property
    def connector(self) -> FoundConnector | None:
        """The one workload that runs it; None where that is unclear."""
        return self.connectors[0] if len(self.connectors) == 1 else None

    def tunnel(self, cloudflare: LocalTunnel) -> str:
        """The tunnel's name or id, as the settings or else cloudflared have it; empty where neither has."""
        return cloudflare.tunnel or (self.connector.tunnel if self.connector else "")


def read_local_tunnel(api: ClusterApi, settings: Settings, cloudflare: LocalTunnel, lists: Lists) -> LocalTunnelSeen:
    """Read it; what may not be read is not there.

    Raises:
        ClusterError: when the API server can't be reached.

    """
    stated, found = cloudflare.config, list[FoundConnector]()
    for kind in WORKLOADS:
        like = Ref("apps/v1", kind, "", stated.namespace if stated else None)
        workloads = lists.of(like, []) or []
        found += filter(None, (connector(api, workload) for workload in workloads))
    if stated:
        wanted = (stated.namespace, stated.name, stated.key)
        holders = ((one, one.file.holder) for one in found)
        found = [one for one, ref in holders if ref and (ref.namespace, ref.name, one.file.key) == wanted]
    if len(found) > 1 and cloudflare.tunnel:
        found = [one for one in found if one.tunnel.lower() == cloudflare.tunnel.lower()] or found
    # Several workloads may share a document.
    shared: dict[tuple[Ref | None, str], list[FoundConnector]] = {}
    for one in found:
        shared.setdefault((one.file.holder, one.file.key), []).append(one)
    sharing = (replace(all_[0], sharing=tuple(one.workload for one in all_)) for all_ in shared.values())
    seen = LocalTunnelSeen(tuple(sharing))
    return replace(seen, serving=frozenset(_serving(api, settings, seen.connector)) if seen.connector else frozenset())


def connector(api: ClusterApi, workload: Manifest) -> FoundConnector | None:
    """Read how a workload runs cloudflared; None for one that has no configuration file of it."""
    files = connector_file.files(workload)
    for file in files:
        ref = file.holder
        holder = permitted(partial(api.get, ref)) if ref and ref.kind == "ConfigMap" else None
        if holder and file.key in (holder.get("data") or {}):
            return FoundConnector(workload, file, holder)
        if ref and ref.kind == "Secret" and (secret := _decoded(permitted(partial(api.get, ref)), file.key)):
            return FoundConnector(workload, file, None, secret=secret)
    return FoundConnector(workload, files[0], None) if files else None


def _decoded(secret: Manifest | None, key: str) -> str | None:
    try:
        return b64decode(((secret or {}).get("data") or {}).get(key) or "").decode() or None
    except ValueError:
        return None


def read_pods_of(api: ClusterApi, seen: LocalTunnelSeen) -> tuple[RunningConnector, ...]:
    """Ask the pods of the one workload that runs it what they are."""
    if seen.connector is None:
        return ()
    try:
        document = TunnelDocument.read(seen.connector.text or "").rest
    except DocumentError:
        document = {}
    return connector_pods.read_pods(api, seen.connector.workload, document)


def _serving(api: ClusterApi, settings: Settings, connector: FoundConnector) -> Iterator[Backend]:
    """Find, of the Services that the document leads the host to, those that serve the stack's route."""
    try:
        document = TunnelDocument.read(connector.text or "")
    except DocumentError:
        return
    marks = _marks_of_route(api, settings)
    for rule in taking(document.rules, settings.host):
        backend = local_route.backend(str(rule.get("service") or ""), connector.namespace)
        if backend is None or not marks:
            continue
        ref = Ref("v1", "Service", backend.service, backend.namespace)
        service = permitted(partial(api.get, ref))
        labels = ((service or {}).get("metadata", {}).get("labels") or {}).items()
        if any(mark in labels for mark in marks):
            yield backend


def _marks_of_route(api: ClusterApi, settings: Settings) -> list[tuple[str, str]]:
    """List the labels of which a Service has one that serves the stack's route."""
    match settings.route:
        case Gateway() as route:
            return [(label, route.gateway) for label in OF_GATEWAY]
        case Ingress() as route:
            ref = Ref("networking.k8s.io/v1", "IngressClass", route.class_name)
            labels = ((permitted(partial(api.get, ref)) or {}).get("metadata", {}).get("labels")) or {}
            return [(INSTANCE, labels[INSTANCE])] if INSTANCE in labels else []
    return []


def route(settings: Settings, seen: LocalTunnelSeen) -> LocalRoute:
    """Judge what the tunnel does with the host's requests."""
    connector = seen.connector
    namespace = connector.namespace if connector else ""
    stated = local_route.place(settings.origin_url, namespace)
    wanted = {*([stated] if stated else []), settings.immich.backend, *seen.serving}
    rule = public_access.rule(settings, {})
    standings = [local_route.standing(rules, settings.host, wanted, namespace) for rules in seen.running]
    running = next((one for one in standings if one not in local_route.DONE), next(iter(standings), None))
    if connector is None or connector.text is None:
        place = connector.place if connector else "the configuration file beside the tunnel's cloudflared"
        return LocalRoute(place, connector.owner if connector else "", plain(rule), running=running, rule=rule)
    found = LocalRoute(
        connector.place,
        connector.owner,
        plain(rule),
        running=running,
        rule=rule,
        managed=seen.claim is not None,
        kept=seen.kept,
    )
    try:
        document = TunnelDocument.read(connector.text)
        before = document.rules[document.place(settings.host)]
        rule = public_access.rule(settings, inherited_of(document.rest))
        lines = document.shown(rule)
    except DocumentError as error:
        return replace(found, fault=_OF_A_SECRET if connector.secret else str(error))
    first = taking(document.rules, settings.host)
    if connector.secret:
        before, first = {}, [{"hostname": settings.host, "service": "(others, in the Secret)"}]
    return replace(
        found,
        rule=rule,
        rules=() if connector.secret else document.rules,
        lines=lines,
        before=spoken(before) if before else "",
        document=local_route.standing(document.rules, settings.host, wanted, namespace),
        taking=tuple(first),
    )


def claimed(
    settings: Settings, seen: LocalTunnelSeen, tunnel: Tunnel, account_id: str, owner: Ownership
) -> LocalTunnelSeen:
    """Judge whether this stack may write its rule into the document."""
    connector, cloudflare = seen.connector, settings.cloudflare
    if connector is None or connector.holder is None or connector.text is None or tunnel.deleted:
        return seen
    if not isinstance(cloudflare, LocalTunnel) or manager(tunnel, seen.configuration) is not Manager.FILE:
        return seen
    key = connector.file.key
    if kept := document_keeper.refusal(connector.holder, key, connector.sharing, edit=cloudflare.edit):
        return replace(seen, kept=kept)
    claim = FileRule(
        account_id=account_id,
        tunnel_id=tunnel.id,
        holder=Ref.of(connector.holder),
        key=key,
        workloads=tuple(f"{one['kind']}/{one['metadata']['name']}" for one in connector.sharing),
        rule=route(settings, seen).rule,
        stack=owner.stack,
        adopt=owner.adopting,
        edit=cloudflare.edit,
        former=owner.other_names,
    )
    return replace(seen, claim=claim)


def tried(api: ClusterApi, seen: LocalTunnelSeen, known: Collection[Known]) -> LocalTunnelSeen:
    """Find what our rule comes to.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    if seen.claim is None:
        return seen
    outputs = (one.outputs for one in known if one.type == TUNNEL_FILE_RULE)
    had = seen.claim.known(next(outputs, {}))
    return replace(seen, trial=compare(api, seen.claim, had))


def our_rule(seen: LocalTunnelSeen, found: LocalRoute) -> FileRule | None:
    """Return our rule, where the document has it, or needs it and can take it."""
    needed = not found.fault and found.document not in {Standing.STATED, Standing.COVERED}
    return seen.claim if needed or (seen.trial and seen.trial.is_there) else None
