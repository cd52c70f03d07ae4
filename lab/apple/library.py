"""An account's photos: assets, the masters that they are made of, and the bytes of each version."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Final, Self

PRIMARY: Final = "PrimarySync"
MOVIE: Final = "com.apple.quicktime-movie"
_JPEG: Final = "public.jpeg"
_RAW: Final = "com.adobe.raw-image"
_TYPES: Final = {".jpg": _JPEG, ".heic": "public.heic", ".png": "public.png", ".dng": _RAW, ".mov": MOVIE}
_BEGINS: Final = datetime(2025, 1, 1, tzinfo=UTC)
_WRAPS: Final = 10_000  # as a camera's names do


@dataclass(frozen=True)
class Version:
    """One file of a photo; `announced` is its size as the record has it, where that is wrong."""

    type: str
    text: str
    size: int = 0
    announced: int | None = None

    @cached_property
    def content(self) -> bytes:
        """Its bytes, the same at each call, and no two versions' the same."""
        return jpeg(self.text, self.size) if self.type == _JPEG else self.text.encode().ljust(self.size, b"\0")

    @cached_property
    def checksum(self) -> bytes:
        """Apple's name for these bytes: 21 of them."""
        return b"\x01" + hashlib.sha1(self.content, usedforsecurity=False).digest()

    @property
    def key(self) -> str:
        """Its name in the address that it is fetched from."""
        return base64.urlsafe_b64encode(self.checksum).decode()


@dataclass(frozen=True)
class Asset:
    """One photo or video as it stands in the library; `what` is all that makes it different from others.

    What it may contain is in `household.yaml`.
    """

    what: str
    name: str
    taken: datetime
    live: bool = False
    edited: bool = False
    raw: bool = False
    hidden: bool = False
    deleted: bool = False
    favourite: bool = False
    zone: str = PRIMARY
    albums: tuple[str, ...] = ()
    size: int = 0
    announced: int | None = None
    of: str = ""

    @property
    def id(self) -> str:
        """The name of its own record."""
        return _id("asset", self.what)

    @property
    def master(self) -> str:
        """The name of its master's record, which other assets may share."""
        return _id("master", self._source)

    @cached_property
    def of_master(self) -> Mapping[str, Version]:
        """What its master holds, by the prefix of CloudKit's fields."""
        kind, what = _TYPES[PurePosixPath(self.name).suffix.lower()], self._source
        found = {"resOriginal": Version(kind, what, self.size, self.announced)}
        if kind == MOVIE:
            found |= {"resVidMed": Version(MOVIE, f"{what} medium"), "resVidSmall": Version(MOVIE, f"{what} small")}
        else:
            found |= {"resJPEGMed": Version(_JPEG, f"{what} medium"), "resJPEGThumb": Version(_JPEG, f"{what} small")}
        if self.live:
            found["resOriginalVidCompl"] = Version(MOVIE, f"{what} moves", self.size)
        if self.raw:
            found["resOriginalAlt"] = Version(_RAW, f"{what} raw", self.size)
        return found

    @cached_property
    def of_asset(self) -> Mapping[str, Version]:
        """What it holds itself: its edit."""
        return {"resJPEGFull": Version(_JPEG, f"{self.what} edited", self.size)} if self.edited else {}

    @property
    def is_movie(self) -> bool:
        """Whether it is a video."""
        return self.of_master["resOriginal"].type == MOVIE

    @property
    def _source(self) -> str:
        return self.of or self.what


@dataclass(frozen=True)
class Library:
    """All assets of an account, newest first, and their files by the key of their address."""

    assets: tuple[Asset, ...]
    files: Mapping[str, Version] = field(repr=False)

    @classmethod
    def of(cls, owner: str, photos: Iterable[Mapping[str, Any]], more: int = 0) -> Self:
        """Make what `photos` describe, as `household.yaml` does, and `more` besides."""
        made = [_asset(owner, f"{owner} {number}", photo) for number, photo in enumerate(photos)]
        made += [
            Asset(f"{owner} more {n}", f"IMG_{n % _WRAPS:04}.JPG", _BEGINS + timedelta(hours=n)) for n in range(more)
        ]
        made.sort(key=lambda asset: asset.taken, reverse=True)
        versions = [version for asset in made for version in (*asset.of_master.values(), *asset.of_asset.values())]
        return cls(tuple(made), {version.key: version for version in versions})

    @cached_property
    def by_record(self) -> Mapping[str, Asset]:
        """Each asset by the name of its record and of its master's."""
        return {one.master: one for one in self.assets} | {one.id: one for one in self.assets}

    def zones(self) -> list[str]:
        """All libraries that the account sees, its own first."""
        return [PRIMARY, *sorted({asset.zone for asset in self.assets} - {PRIMARY})]

    def albums(self) -> list[str]:
        """The albums of the account's own library."""
        return sorted({album for asset in self.assets for album in asset.albums})


def _asset(owner: str, what: str, photo: Mapping[str, Any]) -> Asset:
    stated = {key: value for key, value in photo.items() if key != "master"}
    shared = f"{owner} {photo['master']}" if "master" in photo else ""
    taken = datetime.fromisoformat(photo["taken"]).replace(tzinfo=UTC)
    albums = tuple(photo.get("albums", ()))
    return Asset(**{**stated, "what": f"{what} {photo['name']}", "taken": taken, "albums": albums, "of": shared})


def _id(*parts: str) -> str:
    return base64.b64encode(hashlib.sha256(" ".join(parts).encode()).digest()[:21]).decode().replace("/", "-")


def jpeg(text: str, size: int = 0) -> bytes:
    """Return a grey pixel as JPEG with a comment, so that no two are the same, and more comments up to a size."""
    one_code = bytes([1, *[0] * 15, 0])  # a Huffman table of one symbol
    segments = [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xFE, text.encode()),
        (0xDB, bytes([0, *[1] * 64])),
        (0xC0, bytes([8, 0, 1, 0, 1, 1, 1, 0x11, 0])),
        (0xC4, bytes([0x00]) + one_code + bytes([0x10]) + one_code),
        (0xDA, bytes([1, 1, 0, 0, 63, 0])),
    ]
    begin, end = b"\xff\xd8", b"\x3f\xff\xd9"
    bare = sum(len(content) + 4 for _, content in segments) + len(begin) + len(end)
    while (missing := size - bare) >= 4:  # noqa: PLR2004 - what a segment takes without content
        filling = min(missing - 4, 65_533)
        segments.insert(1, (0xFE, bytes(filling)))
        bare += filling + 4
    return begin + b"".join(_segment(*one) for one in segments) + end


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content
