"""The photos as libraries in Immich: one for each user of Immich who has accounts, with those accounts' folders."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi

from clients.kubernetes import Manifest
from clients.wanted_library import WantedLibrary
from clients.wanted_settings import WantedSettings
from components import disk_check
from components.ownership import Ownership
from providers.immich_library import ImmichLibrary
from providers.immich_settings import ImmichSettings
from settings import Settings
from text.mailbox import mailbox


@dataclass(frozen=True)
class Libraries:
    """What is stated in Immich; `settings` is None where the server-wide ones stay as they are."""

    wanted: tuple[WantedLibrary, ...]
    settings: WantedSettings | None
    disk_check: Manifest


def libraries(settings: Settings, ownership: Ownership, node: str = "") -> Libraries | None:
    """Say what is wanted in Immich; None for a stack without an API key. `node` is where the disk is, if asked for."""
    if settings.immich_api_key is None:
        return None
    immich, check = settings.immich, disk_check.job(settings, ownership, node)
    library, former = immich.library, ownership.other_names
    stated = WantedSettings(immich.backend, library.scan_schedule, library.watch, ownership.stack, former)
    return Libraries(
        wanted=tuple(
            WantedLibrary(
                server=immich.backend,
                owner=owner,
                name=library.name,
                import_paths=paths,
                exclusion_patterns=library.exclusion_patterns,
                disk_check=check,
                adopt=ownership.adopting,
                stack=ownership.stack,
                former=former,
            )
            for owner, paths in _import_paths(settings)
        ),
        settings=stated if stated.entries else None,
        disk_check=check,
    )


def _import_paths(settings: Settings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each owner's folders; the owner is empty where it is whose API key it is."""
    by_owner: dict[str, tuple[str, list[str]]] = {}
    users = [account.immich_user for account in settings.photo_sync.accounts] or [None]
    for user, folder in zip(users, settings.photo_sync.import_folders, strict=True):
        owner = user or settings.immich.library.owner or ""
        _, paths = by_owner.setdefault(mailbox(owner), (owner, []))
        paths.append(f"{settings.immich.mount.path}/{folder}")
    return ((owner, tuple(paths)) for owner, paths in by_owner.values())


class ExternalLibrary(pulumi.ComponentResource):
    """Immich shows the photos."""

    overview: list[dict[str, Any]]

    def __init__(self, name: str, plan: Libraries, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:ExternalLibrary", name, None, opts)
        made = [_library(name, wanted, self) for wanted in plan.wanted]
        if plan.settings:
            # Before anything watches or scans by itself, the first scan has seen the disk.
            ImmichSettings(f"{name}-settings", plan.settings, pulumi.ResourceOptions(parent=self, depends_on=made))
        self.overview = [
            {
                "id": library.library_id,
                "name": wanted.name,
                "owner": wanted.owner or "the API key's user",
                "import_paths": [*wanted.import_paths],
            }
            for library, wanted in zip(made, plan.wanted, strict=True)
        ]


def _library(name: str, wanted: WantedLibrary, parent: pulumi.Resource) -> ImmichLibrary:
    # An address is the same in capitals; older states name a library by the owner as the stack file spelled it.
    now, as_written = _named(name, mailbox(wanted.owner)), _named(name, wanted.owner)
    aliases: list[str | pulumi.Alias] = [] if now == as_written else [pulumi.Alias(as_written)]
    # Kept when the stack is removed: with a library go the albums and the metadata of its photos.
    return ImmichLibrary(
        now, wanted, pulumi.ResourceOptions(parent=parent, retain_on_delete=True, protect=True, aliases=aliases)
    )


def _named(name: str, owner: str) -> str:
    return f"{name}-of-{owner}" if owner else name
