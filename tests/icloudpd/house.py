"""A node with a photo disk, and an account that the real icloudpd fetches from the rehearsal's Apple."""

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Self

from components import sign_in
from components.ownership import Ownership
from components.photo_disk import MARK
from lab.apple.library import Library
from lab.apple.world import CODE
from lab.node.container import Image
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import DISK_ID, household, sync_job
from tests.icloudpd.client import APPLE_ID, PASSWORD, Client
from tests.node_stand_in import Ended, Node, Started
from tests.objects import STACK


@dataclass(frozen=True)
class House:
    """A node with a marked disk, and an account that is signed in."""

    # What the account's settings say, and which versions of a photo it fetches by default.
    stated: ClassVar[dict[str, Any]] = {"name": "anna"}
    versions: ClassVar[tuple[str, ...]] = ("resOriginal", "resOriginalVidCompl")

    client: Client
    node: Node

    @property
    def folder(self) -> Path:
        return self.node.path("icloud-photos") / IMPORT_FOLDER

    @property
    def session(self) -> Path:
        return self.node.path("icloud-cookies-anna")

    @classmethod
    def of(cls, client: Client, base: Path) -> Self:
        """Build one whose disk is marked and empty, for an account with a session."""
        made = cls.signed_out(client, base, {"/app/icloudpd": client.program})
        shutil.copytree(client.cookies, made.session)
        return made

    @classmethod
    def signed_out(cls, client: Client, base: Path, programs: dict[str, Path]) -> Self:
        """Build one whose disk is marked and empty, for an account without a session."""
        for part in ("disk", "secret", "bin"):
            (base / part).mkdir()
        (base / "secret" / "appleId").write_text(APPLE_ID)
        (base / "secret" / "password").write_text(PASSWORD)
        _read_at_once(base / "bin" / "awk")
        image = Image(programs=programs, path_first=base / "bin")
        made = cls(client, Node(base / "disk", base / "record", image, base / "secret"))
        made.folder.mkdir(parents=True)
        (made.folder.parent / MARK).write_text(f"id: {DISK_ID}\n")
        return made

    def run(self, limit: float = 30, **keys: Any) -> Ended:
        """Run the account's Job to its end, with these settings."""
        return self.start(**keys).end(limit=limit)

    def start(self, *, retry_after: str = "", user: int | None = None, **keys: Any) -> Started:
        """Start the account's Job, with these settings."""
        settings = household({**self.stated, **keys})
        job = sync_job(settings, FLOOR="0", FLOOR_NODE="0", RETRY_AFTER=retry_after)
        return self.node.start(job, user=user)

    def sign_in(self, *typed: str) -> Ended:
        """Sign the account in, with the right code where nothing else is typed."""
        settings = household(self.stated)
        (account,) = settings.photo_sync.accounts
        job = sign_in.job(account, settings, Ownership(STACK), date(2026, 11, 26))
        return self.node.start(job, command=sign_in.command(account, settings), stdin=subprocess.PIPE).end(
            "".join(f"{line}\n" for line in typed or (CODE,))
        )

    def files(self) -> dict[str, bytes]:
        """What Immich would import."""
        found = [file for file in self.folder.rglob("*") if file.is_file()]
        shown = [
            file for file in found if not any(part.startswith(".") for part in file.relative_to(self.folder).parts)
        ]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in shown}

    def announced(self, photos: list[dict[str, Any]]) -> list[bytes]:
        """The files that Apple has of them, of the zone and size that a sync fetches by default."""
        library = Library.of(APPLE_ID, photos)
        chosen = [one for one in library.assets if one.zone == "PrimarySync" and not one.hidden and not one.deleted]
        versions = [{**one.of_master, **one.of_asset}.get(part) for one in chosen for part in self.versions]
        return sorted({version.content for version in versions if version})

    def difference(self, photos: list[dict[str, Any]]) -> tuple[int, list[str]]:
        """How many announced files the disk lacks, and which ones it has besides, a byte that is other included."""
        wanted, there = Counter(self.announced(photos)), self.files()
        surplus = Counter(there.values()) - wanted
        return (wanted - Counter(there.values())).total(), [
            name for name, content in there.items() if content in surplus
        ]


def _read_at_once(awk: Path) -> None:
    """Have an awk that reads each line when it comes, as busybox's does; mawk waits for 4 KiB."""
    if found := shutil.which("mawk"):
        awk.write_text(f'#!/bin/sh\nexec {found} -W interactive "$@"\n')
        awk.chmod(0o755)
