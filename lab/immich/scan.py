"""Scans of external libraries: what Immich finds on disk, and what becomes of what it does not find.

Source: Immich's library.service.ts and storage.repository.ts. A file that is missing puts its asset into the trash, and
out of it again when it is back. Nothing tells a disk that is not mounted from one that was emptied.
"""

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from lab.immich.globs import matches
from lab.immich.media import media_type
from lab.immich.world import World, new_id, now
from lab.stand_in.answers import Json

# Where Immich keeps what was uploaded.
_MEDIA = "/data"


def work_off(world: World, count: int) -> None:
    """Do the first `count` scans of the queue."""
    for _ in range(count):
        library = world.libraries.get(world.queue.pop(0))
        if library:
            _import(world, library)
            _check(world, library)


def problem(world: World, path: str) -> str | None:
    """What is wrong with an import path, as Immich reports it; None when it is good."""
    if _within(path, _MEDIA):
        return "Cannot use media upload folder for external libraries"
    if not posixpath.isabs(path):
        return f"Import path must be absolute, try {posixpath.join('/usr/src/app/server', path)}"
    place = _on_disk(world, path)
    if place is None or not place.exists():
        return "Path does not exist (ENOENT)"
    if not place.is_dir():
        return "Not a directory"
    return None if os.access(place, os.R_OK) else "Lacking read permission for folder"


def unlinked(world: World, path: str) -> int:
    """Let the watcher see that a file was deleted: its assets are gone at once. Returns how many those are."""
    watches = world.configuration["library"]["watch"]["enabled"]
    gone = [key for key, asset in world.assets.items() if watches and asset["originalPath"] == path]
    for key in gone:
        del world.assets[key]
    return len(gone)


def _import(world: World, library: Json) -> None:
    valid = [path for path in library["importPaths"] if problem(world, path) is None]
    if not valid:
        # It is skipped with a line in the log, and is not refreshed.
        return
    known = {asset["originalPath"] for asset in _assets(world, library)}
    for path, place in _walked(world, valid):
        if path not in known and not _excluded(library, path):
            asset = {
                "id": new_id(),
                "libraryId": library["id"],
                "ownerId": library["ownerId"],
                "originalPath": path,
                "type": media_type(path),
                "fileSizeInByte": place.stat().st_size,
                "isOffline": False,
                "isTrashed": False,
            }
            world.assets[asset["id"]] = asset
    _hide_parts_of_live_photos(world, _assets(world, library))
    library["refreshedAt"] = now()


def _hide_parts_of_live_photos(world: World, assets: list[Json]) -> None:
    """Tie photos and videos that have an identifier in common: here the text that `lab.apple` makes both of."""
    photos = {posixpath.splitext(asset["originalPath"])[0]: asset for asset in assets if asset["type"] == "IMAGE"}
    for asset in assets:
        photo = photos.get(posixpath.splitext(asset["originalPath"])[0].removesuffix("_HEVC"))
        if asset["type"] == "VIDEO" and photo and _is_part(_content(world, asset), _content(world, photo)):
            asset["visibility"] = "hidden"


def _is_part(video: bytes, photo: bytes) -> bool:
    text = video.partition(b"\0")[0]
    return text.endswith(b" moves") and text.removesuffix(b" moves") in photo


def _content(world: World, asset: Json) -> bytes:
    place = _on_disk(world, asset["originalPath"])
    return place.read_bytes() if place and place.is_file() else b""


def _check(world: World, library: Json) -> None:
    for asset in _assets(world, library):
        path = asset["originalPath"]
        place = _on_disk(world, path)
        inside = any(_within(path, root) for root in library["importPaths"]) and not _excluded(library, path)
        there = inside and place is not None and place.exists()
        if asset["isOffline"] == there:
            asset |= {"isOffline": not there, "isTrashed": not there}


def _assets(world: World, library: Json) -> list[Json]:
    return [asset for asset in world.assets.values() if asset["libraryId"] == library["id"]]


def _walked(world: World, roots: list[str]) -> Iterator[tuple[str, Path]]:
    """All photos and videos below, as Immich sees them and where they are; nothing whose name starts with a dot."""
    tops = {posixpath.normpath(root): _on_disk(world, root) for root in roots}
    for root, top in tops.items():
        for folder, folders, files in os.walk(top or os.devnull):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                place = Path(folder, name)
                if not name.startswith(".") and media_type(name):
                    yield posixpath.join(root, os.path.relpath(place, top)), place


def _excluded(library: Json, path: str) -> bool:
    return any(matches(pattern, path) for pattern in library["exclusionPatterns"])


def _on_disk(world: World, path: str) -> Path | None:
    """Where a path of Immich's is on this machine; None outside of all mounts."""
    for mount, directory in world.mounts.items():
        if _within(path, mount):
            return Path(directory, posixpath.relpath(path, mount))
    return None


def _within(path: str, folder: str) -> bool:
    return (posixpath.normpath(path) + "/").startswith(posixpath.normpath(folder) + "/")
