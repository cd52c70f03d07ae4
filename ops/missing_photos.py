"""What the disk has and Immich lacks: by name where the API key may list a library's assets, and else by number."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from clients.immich import Library, Statistics

_SHOWN = 10
_SPECIAL = re.compile(r"(\*\*/|\*\*|\*|\?)")
_PLAIN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True)
class Missing:
    """What a library lacks of the disk's files.

    Attributes:
        library: its name.
        photos: photos on the disk that Immich can import.
        videos: videos.
        lacks_photos: how many of the photos Immich lacks.
        lacks_videos: how many of the videos, at least.
        names: which ones; None where that is not known.
        unknown: why not.

    """

    library: str
    photos: int
    videos: int
    lacks_photos: int
    lacks_videos: int
    names: tuple[str, ...] | None = None
    unknown: str = ""

    def __bool__(self) -> bool:
        """Whether it lacks anything."""
        return bool(self.lacks_photos or self.lacks_videos)

    def __str__(self) -> str:
        """Say so in a sentence without its full stop, with the first names."""
        on_disk = f"{self.photos} photos and {self.videos} videos on the disk"
        if not self:
            why = f" ({self.unknown})" if self.unknown else ""
            return f'the library "{self.library}" has the {on_disk}, by number{why}'
        lacks = f"{self.lacks_photos} photos and {self.lacks_videos} videos of the {on_disk}"
        lacks = f'the library "{self.library}" lacks {lacks}'
        if self.names is None:
            return f"{lacks}, unless its trash has them. Which ones is not checked: {self.unknown}"
        more = f", and {len(self.names) - _SHOWN} more" if len(self.names) > _SHOWN else ""
        return f"{lacks}: {', '.join(self.names[:_SHOWN])}{more}"


def importable(files: Iterable[str], library: Library, kinds: Mapping[str, str]) -> dict[str, str]:
    """Choose the files that Immich imports into a library.

    Args:
        files: paths as Immich sees them.
        library: the library, whose exclusion patterns skip some.
        kinds: `image` or `video`, by a name's ending in small letters.

    Returns the kind of each.

    """
    return {
        path: kinds[ending]
        for path in files
        if (ending := PurePosixPath(path).suffix.lower()) in kinds
        and any(path.startswith(f"{root}/") for root in library.import_paths)
        and not any(_excluding(pattern).fullmatch(path) for pattern in library.exclusion_patterns)
    }


def by_name(library: Library, on_disk: Mapping[str, str], known: Collection[str]) -> Missing:
    """Compare with the paths that Immich knows."""
    names = tuple(sorted(path for path in on_disk if path not in known))
    lacks = [on_disk[path] for path in names]
    return Missing(library.name, *_counted(on_disk.values()), *_counted(lacks), names)


def by_number(library: Library, on_disk: Mapping[str, str], counted: Statistics, unknown: str) -> Missing:
    """Compare with Immich's counts, in which the video of a live photo is no video of its own."""
    photos, videos = _counted(on_disk.values())
    lacks = max(0, photos - counted.photos), max(0, videos - _parts_of_live_photos(on_disk) - counted.videos)
    return Missing(library.name, photos, videos, *lacks, unknown=unknown)


def _counted(kinds: Iterable[str]) -> tuple[int, int]:
    each = list(kinds)
    return each.count("image"), each.count("video")


def _parts_of_live_photos(on_disk: Mapping[str, str]) -> int:
    """Count the videos beside a photo whose name theirs begins with: `IMG_1.HEIC`, `IMG_1_HEVC.MOV`."""
    photos = {path.rpartition(".")[0] for path, kind in on_disk.items() if kind == "image"}
    videos = (path.rpartition(".")[0] for path, kind in on_disk.items() if kind == "video")
    return sum(any(stem[:end] in photos for end in _ends(stem)) for stem in videos)


def _ends(stem: str) -> Iterator[int]:
    """Name the lengths at which a name may be cut: its own, and before each `_` and `-`."""
    yield len(stem)
    yield from (match.start() for match in re.finditer("[_-]", stem))


@cache
def _excluding(pattern: str) -> re.Pattern[str]:
    parts = (_PLAIN.get(part, re.escape(part)) for part in _SPECIAL.split(pattern))
    return re.compile("".join(parts), re.IGNORECASE)
