"""What is worth knowing of the room for photos before `up`."""

from collections.abc import Iterator

from components.free_space import EVICTS_BELOW, EVICTS_BELOW_INODES, floor
from preflight.space_facts import Filesystem, Space
from settings import PROJECT, Settings
from settings.storage import OnNode

_KEY = f"{PROJECT}:photoSync.minFreeSpace"
OWN_DISK = "Give the photos a disk or a Talos user volume of their own (docs/photos.md#a-disk-of-its-own)"


def warnings(settings: Settings, space: Space) -> list[str]:
    """Find what may stop the sync, or the node."""
    sentences = [*_pressure(settings, space), *_shared(space), *_stops(settings, space)]
    return [*sentences, *_too_little(settings, space)]


def news(settings: Settings, space: Space) -> list[str]:
    """Say what is unknown."""
    if space.on_node is None and isinstance(settings.storage, OnNode) and settings.photo_sync.accounts:
        unknown = "Whether the photos are on the node's own filesystem is unknown until the directory Job has looked"
        return [unknown]
    return []


def _pressure(settings: Settings, space: Space) -> Iterator[str]:
    if space.pressure and isinstance(settings.storage, OnNode):
        yield f"Node {settings.storage.node} reports DiskPressure: it evicts pods. Make room on it"


def _shared(space: Space) -> Iterator[str]:
    if space.on_node:
        yield (
            f"The photos are on the kubelet's own filesystem: below {EVICTS_BELOW} % free space it evicts every pod of "
            f"the node, Immich too. {OWN_DISK}"
        )


def _stops(settings: Settings, space: Space) -> Iterator[str]:
    """Say that the next sync will stop; of an unknown disk, that it will if the photos are on the node's own."""
    known = space.photos is not None
    room = space.photos or space.kubelets
    if room is None or not settings.photo_sync.accounts:
        return
    kept = floor(settings.photo_sync.min_free_space).of(room.total, on_node=bool(space.on_node) or not known)
    if room.free < kept:
        condition = "The" if known else "If the photos are on the node's own filesystem, the"
        yield (
            f"{condition} next sync will stop: "
            f"{room.free} of {room.total} MiB are free, and {kept} MiB stay free. Make room, or state {_KEY}"
        )


def _too_little(settings: Settings, space: Space) -> Iterator[str]:
    stated, room = settings.photo_sync.min_free_space, space.photos or space.kubelets
    may_be_shared = isinstance(settings.storage, OnNode) if space.on_node is None else space.on_node
    if stated is None or not may_be_shared:
        return
    if share := _share(stated, room):
        yield (
            f"{_KEY}: {stated} is {share} % of the filesystem, and below {EVICTS_BELOW} % the kubelet evicts every pod "
            f"of its node if the photos are on its own filesystem. State at least 20%, or leave it out. {OWN_DISK}"
        )
    if room and room.inodes and room.inodes_free * 100 < EVICTS_BELOW_INODES * room.inodes:
        yield (
            f"Of the filesystem's {room.inodes} inodes {room.inodes_free} are free, and below {EVICTS_BELOW_INODES} % "
            f"the kubelet evicts every pod of its node if the photos are on its own filesystem. {OWN_DISK}"
        )


def _share(stated: str, room: Filesystem | None) -> int | None:
    """Per cent that stay free, where they are too few."""
    if stated.endswith("%"):
        share = int(stated[:-1])
    elif room and room.total:
        share = floor(stated).of(room.total, on_node=True) * 100 // room.total
    else:
        return None
    return share if share < EVICTS_BELOW else None
