"""What is left for a person to do on a stack, in order: pure, from the settings and from what was found."""

from collections.abc import Collection, Iterator

from components.local_route import Left, LocalRoute
from components.ownership import Ownership
from settings import PROJECT, Settings
from settings.cloudflare import NoCloudflare
from settings.load import API_KEY
from text.command import ConfigSet


def next_steps(
    settings: Settings, ownership: Ownership, synced: Collection[str], *, resolves: bool, mounted: bool
) -> list[str]:
    """List the steps, each a line with its command; none when nothing is left.

    Args:
        settings: the stack's settings.
        ownership: what the stack is called.
        synced: the accounts whose photos have been fetched at least once.
        resolves: whether the host's name leads anywhere.
        mounted: whether Immich's Deployment has the mount of the photos.

    """
    return [
        *_end_adoption(settings, ownership),
        *(() if mounted else _mount(settings, ownership)),
        *_name_accounts(settings, ownership),
        *_store_api_key(settings, ownership),
        *_sign_in(settings, ownership, synced),
        *(() if resolves else _lead_in(settings)),
    ]


def _end_adoption(settings: Settings, ownership: Ownership) -> Iterator[str]:
    if settings.adoption:
        why = ": while it is set, an unmarked directory is marked" if settings.adopt_existing else ""
        yield (
            f"Take {PROJECT}:adoptExisting out of Pulumi.{ownership.stack_name}.yaml, as everything is adopted, then "
            f"`{ownership.command('up')}`{why}"
        )


def _mount(settings: Settings, ownership: Ownership) -> Iterator[str]:
    if settings.immich.mount.kind == "chart":
        yield (
            f"Have Immich's chart mount the photos (docs/adopt.md): put what `{ownership.command('chart-values')}` "
            "prints into its values, and have it applied server-side"
        )


def _name_accounts(settings: Settings, ownership: Ownership) -> Iterator[str]:
    if not settings.photo_sync.accounts:
        accounts, credentials = f"{PROJECT}:photoSync.accounts[0].name", f"{PROJECT}:icloudCredentials.NAME.appleId"
        yield (
            "Name the household's iCloud accounts and store how each signs in, so that photos are fetched "
            f"(docs/photos.md): `{ConfigSet(ownership.stack_name, accounts, 'NAME', secret=False)}`, "
            f"`{ConfigSet(ownership.stack_name, credentials)}`, likewise .password, "
            f"then `{ownership.command('up')}`"
        )


def _store_api_key(settings: Settings, ownership: Ownership) -> Iterator[str]:
    if settings.immich_api_key is None:
        yield (
            "Store an API key of Immich, so that a library shows the photos (docs/photos.md says which): "
            f"`{ConfigSet(ownership.stack_name, API_KEY)}`, then `{ownership.command('up')}`"
        )


def _sign_in(settings: Settings, ownership: Ownership, synced: Collection[str]) -> Iterator[str]:
    for account in settings.photo_sync.accounts:
        if account.name not in synced:
            # Only a sync finds out whether the account is signed in: a second sign-in does no harm.
            yield (
                f"Sign account {account.name} in, with the code that Apple sends, and fetch its first photos: "
                f"`{ownership.command('icloud-login', account.name)} && {ownership.command('sync-now', account.name)}`"
            )


def _lead_in(settings: Settings) -> Iterator[str]:
    if isinstance(settings.cloudflare, NoCloudflare):
        yield (
            f"Make a DNS record of {settings.host} that leads to the cluster, where you keep its domain: "
            f"{PROJECT}:cloudflare is of kind none, and no resolver knows the name. `dig +short {settings.host}` "
            "shows when one does"
        )


def tunnel_steps(settings: Settings, ownership: Ownership, local: LocalRoute) -> Iterator[str]:
    """List what is left to do with the file of a locally managed tunnel."""
    verify = f"then `{ownership.command('verify')}`"
    if local.left is Left.RESTART:
        yield (
            f"Restart cloudflared, which has not read its file again: {local.place} leads {settings.host} to Immich, "
            f"and the rules that run do not; {verify}"
        )
    if local.left is Left.WRITE:
        yield f"{local.to_write(settings.host)}; {verify}:\n{local.lines}"
