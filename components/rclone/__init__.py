"""rclone as the client that fetches photos: where it is, its command lines, and the scripts that know its log."""

from typing import Final

from components import images
from settings.photo_sync import Account

NAME: Final = "rclone"
IMAGE: Final = images.RCLONE
PROGRAM: Final = ("with_rclone", "/usr/local/bin/rclone")  # (source: the image's Dockerfile)
ROOM: Final = "256Mi"  # for the list of a library, some 50 MB of 100,000 photos
SCRIPTS: Final = ("rclone/log.awk", "rclone/why.awk", "rclone/client.sh")
# Those that only the scripts add. Who signs in, and where the session is kept, it takes from files.
OPTIONS: Final = {
    "WHO_OPTION": "",
    "COOKIES_OPTION": "",
    "SIGN_IN_OPTION": "--sign-in",
    "LOOK_OPTION": "--dry-run",
    "NAMES_OPTION": "",
    "STOP_OPTION": "",
    "LIST_OPTION": "--list-libraries",
    "LIST_OPTIONS": "--list-libraries --list-albums",
}


def layout(account: Account, time_zone: str) -> str:  # noqa: ARG001 (dates are in no folder's name)
    """Say how an account's photos are arranged in its folder: flat, or each album in a folder of its own."""
    return "rclone albums" if account.albums else "rclone"


def arguments(account: Account, folder: str, cookies: str) -> list[str]:  # noqa: ARG001 (its function knows both)
    """Build the command line that fetches photos."""
    return [*questions(account), *account.albums, *(["--dry-run"] if account.dry_run else [])]


def questions(account: Account) -> list[str]:
    """Build the part of a command line that all have."""
    return [account.library]
