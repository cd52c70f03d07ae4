"""What is worth knowing of the room for photos before `up`. Pure."""

from collections.abc import Iterator

from components.free_space import EVICTS_BELOW, EVICTS_BELOW_INODES, floor
from observe.space import Filesystem, Space
from preflight import wording
from settings import Settings
from settings.storage import OnNode
from text.finding import Finding


def findings(settings: Settings, space: Space) -> Iterator[Finding]:
    """Find what may stop the sync or the node, and what is unknown."""
    if space.pressure and isinstance(settings.storage, OnNode):
        yield wording.NODE_UNDER_PRESSURE.found(settings.storage.node)
    if space.on_node:
        yield wording.DISK_SHARED.found()
    yield from _stops(settings, space)
    yield from _too_little(settings, space)
    if space.on_node is None and isinstance(settings.storage, OnNode) and settings.photo_sync.accounts:
        yield wording.DISK_UNKNOWN.found()


def _stops(settings: Settings, space: Space) -> Iterator[Finding]:
    """Say that the next sync will stop; of an unknown disk, that it will if the photos are on the node's own."""
    known = space.photos is not None
    room = space.photos or space.kubelets
    if room is None or not settings.photo_sync.accounts:
        return
    kept = floor(settings.photo_sync.min_free_space).of(room.total, on_node=bool(space.on_node) or not known)
    if room.free < kept:
        stops = wording.SYNC_STOPS if known else wording.SYNC_MAY_STOP
        yield stops.found(free=room.free, total=room.total, kept=kept)


def _too_little(settings: Settings, space: Space) -> Iterator[Finding]:
    stated, room = settings.photo_sync.min_free_space, space.photos or space.kubelets
    may_be_shared = isinstance(settings.storage, OnNode) if space.on_node is None else space.on_node
    if stated is None or not may_be_shared:
        return
    if share := _share(stated, room):
        yield wording.FLOOR_TOO_LOW.found(stated=stated, share=share)
    if room and room.inodes and room.inodes_free * 100 < EVICTS_BELOW_INODES * room.inodes:
        yield wording.INODES_LOW.found(total=room.inodes, free=room.inodes_free)


def _share(stated: str, room: Filesystem | None) -> int | None:
    """Per cent that stay free, where they are too few."""
    if stated.endswith("%"):
        share = int(stated[:-1])
    elif room and room.total:
        share = floor(stated).of(room.total, on_node=True) * 100 // room.total
    else:
        return None
    return share if share < EVICTS_BELOW else None
