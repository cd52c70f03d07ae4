"""A node with a photo disk, and an account that the real rclone fetches from the rehearsal's Apple."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from lab.node import rclone
from tests.icloudpd.client import Client
from tests.icloudpd.house import House


@dataclass(frozen=True)
class RcloneHouse(House):
    """A node with a marked disk, and an account that is signed in."""

    stated: ClassVar[dict[str, Any]] = {"name": "anna", "client": "rclone"}
    versions: ClassVar[tuple[str, ...]] = ("resOriginal", "resOriginalVidCompl", "resOriginalAlt", "resJPEGFull")

    @classmethod
    def of(cls, client: Client, base: Path) -> Self:
        """Build one whose disk is marked and empty; where no account is signed in yet, its account signs in."""
        program = client.home / "rclone"
        # At an Apple that stays busy, ten tries of each request take half a minute.
        program.write_text(rclone.program(client.home).replace("exec ", "RCLONE_LOW_LEVEL_RETRIES=2 exec "))
        program.chmod(0o755)
        made = cls.signed_out(client, base, {"/usr/local/bin/rclone": program})
        if not client.cookies.exists():
            made.session.mkdir()
            assert made.sign_in().code == 0
            shutil.copytree(made.session, client.cookies)
            shutil.rmtree(made.session)
        shutil.copytree(client.cookies, made.session)
        return made
