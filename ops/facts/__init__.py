"""All that `make verify` looks at: read at once, part by part, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import observe.cluster
from clients.kubernetes import ClusterApi
from components.ownership import Ownership
from components.public_access import public_access
from observe import Observed
from observe.cloudflare import CloudflareSeen, connect, read_cloudflare
from observe.cluster import ClusterSeen
from observe.planned import at_cloudflare, planned
from ops.facts import cloudflare, cluster, immich, photo_sync
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.cluster import ClusterFacts, Running
from ops.facts.immich import LibrariesFacts
from ops.facts.internet import Internet, Page, Uploads
from ops.facts.part import Absent, Unread, begin
from ops.facts.photo_sync import AccountFacts
from ops.missing_photos import Missing
from preflight import dry_runs
from preflight.cloudflare_rules import upload_limit
from settings import PROJECT, Settings

_UNCOMPARED = Absent("the disk's files are compared once the checks of disk and library pass, and not by --watch")
_UNASKED = Absent("it sends hundreds of megabytes, so only when asked for: ARGS=--upload")


@dataclass(frozen=True)
class Facts:
    """What a check judges by; a part that could not be read says why.

    Attributes:
        settings: the stack's.
        stack: its name, as in `STACK=...`.
        now: when it was all read.
        cluster: the cluster's objects.
        accounts: how the syncs went.
        ping: what is wrong with Immich's answer inside the cluster; empty for the right one.
        libraries: what Immich holds.
        cloudflare: the account's objects.
        name: the host's addresses; none where no resolver knows it.
        page: what answers over https.
        plain: what answers over http.
        web_socket: what answers to an upgrade.
        uploads: what answers to large uploads.
        missing: what Immich lacks of the disk's files, library by library.
        pages: what answers over https at the hosts of pages to sign in, by host.

    """

    settings: Settings
    stack: str
    now: datetime
    cluster: ClusterFacts | Unread
    accounts: tuple[AccountFacts, ...] | Unread
    ping: str | Unread
    libraries: LibrariesFacts | Unread
    cloudflare: CloudflareFacts | Unread
    name: tuple[str, ...] | Unread
    page: Page | Unread
    plain: Page | Unread
    web_socket: Page | Unread
    uploads: Uploads | Unread = _UNASKED
    missing: tuple[Missing, ...] | Unread = _UNCOMPARED
    pages: Mapping[str, Page] | Unread = field(default_factory=dict)


def read_facts(settings: Settings, stack: str, outside: Internet | None, *, upload: bool = False) -> Facts:
    """Read all parts at once.

    Args:
        settings: the stack's settings.
        stack: its name.
        outside: the way to the host; None where there is none.
        upload: whether to try large uploads, too, which takes minutes.

    Raises:
        ClusterError: when the kubeconfig can't be used.

    """
    resolved = begin(lambda: observe.cluster.resolve(ClusterApi(settings.cluster), settings))()
    if not isinstance(resolved, Unread):  # else each part says why it could not be read
        settings = resolved
    owner, host = Ownership(f"{PROJECT}/{stack}"), settings.host

    def api() -> ClusterApi:
        # One each: opening a stream, the official client takes a detour with all that goes through it meanwhile.
        return ClusterApi(settings.cluster)

    of_cluster, of_running, of_accounts, of_ping, of_libraries, of_cloudflare = (api() for _ in range(6))
    objects = begin(lambda: observe.cluster.read_cluster(of_cluster, settings, secrets=False))
    running = begin(lambda: cluster.running(of_running, settings))
    accounts = begin(lambda: photo_sync.read_accounts(of_accounts, settings))
    ping = begin(lambda: immich.ping(of_ping, settings))
    libraries = begin(lambda: immich.read_libraries(of_libraries, settings, owner))
    at_cloudflare = begin(lambda: read_cloudflare(connect(settings), of_cloudflare, settings, owner))
    name = begin(lambda: outside.resolve(host)) if outside else _nowhere
    page = begin(lambda: outside.page(host)) if outside else _nowhere
    plain = begin(lambda: outside.plain(host)) if outside else _nowhere
    web_socket = begin(lambda: outside.web_socket(host)) if outside else _nowhere
    hosts = settings.photo_sync.pages.values()
    pages = begin(lambda: {each: outside.page(each) for each in hosts}) if outside else _nowhere
    seen, runs, found = objects(), running(), at_cloudflare()
    there = None if isinstance(found, Unread) else found
    facts = Facts(
        settings=settings,
        stack=stack,
        now=datetime.now(UTC),
        cluster=begin(lambda: _in_cluster(api(), settings, owner, seen, runs, there))(),
        accounts=accounts(),
        ping=ping(),
        libraries=libraries(),
        cloudflare=found if isinstance(found, Unread) else _at_cloudflare(settings, owner, found),
        name=name(),
        page=page(),
        plain=plain(),
        web_socket=web_socket(),
        pages=pages(),
    )
    return replace(facts, uploads=_uploads(facts, outside)) if upload and outside else facts


def _in_cluster(  # noqa: PLR0913, PLR0917 (what was read, part by part)
    api: ClusterApi,
    settings: Settings,
    owner: Ownership,
    seen: ClusterSeen | Unread,
    runs: Running | Unread,
    there: CloudflareSeen | None,
) -> ClusterFacts | Unread:
    if isinstance(seen, Unread):
        return seen
    if isinstance(runs, Unread):
        return runs
    plan = planned(settings, owner.stack, Observed(seen, there))
    return ClusterFacts(**vars(runs), seen=seen, plan=plan, left=dry_runs.left(api, plan, seen))


def _at_cloudflare(settings: Settings, owner: Ownership, seen: CloudflareSeen | None) -> CloudflareFacts:
    stated = at_cloudflare(settings, seen, owner) if seen else None
    return cloudflare.beside(settings, seen, public_access(settings, stated, owner) if stated else None)


def _uploads(facts: Facts, outside: Internet) -> Uploads | Unread:
    if isinstance(facts.cloudflare, Unread):
        return facts.cloudflare
    public_access = facts.cloudflare.public_access
    if public_access is None or not public_access.record.proxied:
        return Absent("requests do not go through Cloudflare, whose plan limits them")
    return outside.uploads(facts.settings.host, upload_limit(public_access.zone.plan))


def _nowhere() -> Absent:
    return Absent(
        "this is a rehearsal: another API stands for Cloudflare's (CLOUDFLARE_BASE_URL), so no public name leads here"
    )
