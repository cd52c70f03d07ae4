"""icloudpd as the client that fetches photos: where it is, its command lines, and the scripts that know its log."""

from collections.abc import Iterator
from typing import Final

from components import images
from settings.photo_sync import Account

NAME: Final = "icloudpd"
IMAGE: Final = images.ICLOUDPD
PROGRAM: Final = ("/app/icloudpd",)  # (source: the image's Dockerfile)
ROOM: Final = "256Mi"  # it unpacks itself, 108 MB, and runs what it unpacked
SCRIPTS: Final = tuple(f"icloudpd/{name}" for name in ("log.awk", "why.awk", "client.sh"))
# Those that only the scripts add.
OPTIONS: Final = {
    "WHO_OPTION": "--username",
    "COOKIES_OPTION": "--cookie-directory",
    "SIGN_IN_OPTION": "--auth-only",
    "LOOK_OPTION": "--dry-run",
    "NAMES_OPTION": "--keep-unicode-in-filenames",
    "STOP_OPTION": "--until-found",
    "LIST_OPTION": "--list-libraries",
    "LIST_OPTIONS": "--list-libraries --list-albums",
}
CODE_OPTION: Final = "--notification-script"  # what it runs just before it asks Apple for a code
PAGE_PORT: Final = 8080  # of the page on which a code is typed, at all addresses


def layout(account: Account, time_zone: str) -> str:
    """Say how an account's photos are arranged in its folder: a date's folder depends on the time zone, too."""
    structure = account.folder_structure
    return structure if structure == "none" else f"{structure} {time_zone}"


def arguments(account: Account, folder: str, cookies: str = "/cookies") -> list[str]:
    """Build the command line that fetches photos, but for who signs in, which only the pod knows."""
    options: dict[str, object] = {
        "--no-progress-bar": True,
        "--cookie-directory": cookies,
        "--directory": folder,  # in the directory in which the script runs it
        "--library": account.library,
        "--album": account.albums,
        "--folder-structure": account.folder_structure,
        "--size": account.sizes,
        "--skip-live-photos": account.live_photos == "none",
        "--live-photo-size": "original" if account.live_photos == "none" else account.live_photos,
        "--recent": account.recent,
        "--dry-run": account.dry_run,
    }
    stated = (word for option, value in options.items() for word in _words(option, value))
    return [*questions(account, "debug"), *stated]  # debug says of each file whether it was there


def questions(account: Account, level: str = "info", *, page: bool = False) -> list[str]:
    """Build the part of a command line that all have. No level `error`, which hides success."""
    # From stdin comes the password; what else is asked gets no answer, and ends: a page waits forever.
    providers = ("--password-provider", "console", "--mfa-provider", "webui" if page else "console")
    return ["--domain", account.domain, "--log-level", level, *providers]


def _words(option: str, value: object) -> Iterator[str]:
    if value is True:
        yield option
    elif isinstance(value, tuple):
        yield from (word for item in value for word in (option, str(item)))
    elif value is not None and value is not False:
        yield from (option, str(value))
