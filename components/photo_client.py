"""The clients that fetch photos: what is asked of each, and which one an account has."""

from collections.abc import Mapping
from typing import Final, Protocol

from components import icloudpd, rclone
from settings.photo_sync import Account, PhotoSync


class Client(Protocol):
    """A module with what differs from client to client.

    Attributes:
        NAME: its own.
        IMAGE: its image.
        PROGRAM: the words that a command line begins with.
        ROOM: how large its temporary files can become.
        SCRIPTS: those with the functions that the frame's scripts call.
        OPTIONS: its options, by the names that the frame's scripts have for them; empty where it needs none.

    """

    @property
    def NAME(self) -> str: ...  # noqa: D102, N802
    @property
    def IMAGE(self) -> str: ...  # noqa: D102, N802
    @property
    def PROGRAM(self) -> tuple[str, ...]: ...  # noqa: D102, N802
    @property
    def ROOM(self) -> str: ...  # noqa: D102, N802
    @property
    def SCRIPTS(self) -> tuple[str, ...]: ...  # noqa: D102, N802
    @property
    def OPTIONS(self) -> Mapping[str, str]: ...  # noqa: D102, N802

    def layout(self, account: Account, time_zone: str) -> str:
        """Say how an account's photos are arranged in its folder, which never changes."""

    def arguments(self, account: Account, folder: str, cookies: str) -> list[str]:
        """Build the command line that fetches photos."""

    def questions(self, account: Account) -> list[str]:
        """Build the part of a command line that all have."""


CLIENTS: Final[Mapping[str, Client]] = {"icloudpd": icloudpd, "rclone": rclone}


def client_of(account: Account, sync: PhotoSync) -> Client:
    """Return what fetches an account's photos."""
    return CLIENTS[account.client or sync.client]
