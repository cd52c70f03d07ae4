"""A stand-in for icloudpd 1.32: its command line, files and log lines, with an Apple of its own. It calls nobody.

Apple's side is this: every password is right; a session lasts until its file is removed; the two-factor code is 123456;
every Apple ID has the same few photos. As the real one it exits with 0 whatever it thinks of the run.

It needs nothing but the standard library: it is run as a program of an image. `tests/icloudpd` holds its words against
the real one's.
"""

import argparse
import getpass
import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from http.cookiejar import Cookie, LWPCookieJar
from pathlib import Path
from typing import Final, NoReturn

CODE: Final = "123456"

LOG_FORMAT: Final = "%(asctime)s %(levelname)-8s %(message)s"
LOG_DATES: Final = "%Y-%m-%d %H:%M:%S"
SIGNING_IN: Final = "Authenticating..."
TWO_FACTOR: Final = "Two-factor authentication is required (2fa)"
ASKS_PASSWORD: Final = "iCloud Password for "  # noqa: S105
ASKS_CODE: Final = "Please enter two-factor authentication code or device index ("
OR_SENDS_ONE: Final = ") to send SMS with a code"
ASKS_SENT_CODE: Final = "Please enter two-factor authentication code that you received over SMS"
UNREADABLE: Final = "Invalid code, should be six digits. Try again"
WRONG_CODE: Final = "Failed to verify two-factor authentication code"
TRUSTED: Final = (
    "Great, you're all set up. The script can now be run without ",
    "user interaction until 2FA expires.\n",
    "You can set up email notifications for when ",
    "the two-factor authentication expires.\n",
    "(Use --help to view information about SMTP options.)",
)
SIGNED_IN: Final = "Authentication completed successfully"
FETCHES: Final = "Downloading %s %s %s to %s ..."
IS_THERE: Final = "%s already exists"
FETCHES_ONE: Final = "Downloading %s..."
FETCHED_ONE: Final = "Downloaded %s"
FOUND_ENOUGH: Final = "Found %s consecutive previously downloaded photos. Exiting"
HAVE_BEEN_FETCHED: Final = " have been downloaded"

_PHONE: Final = "(•••) •••-••12"
_LASTS: Final = 60 * 24 * 3600  # seconds
_TOKENS: Final = ("X-APPLE-DS-WEB-SESSION-TOKEN", "X-APPLE-WEBAUTH-HSA-TRUST")
# Newest first, as Apple lists them; the times are those of the time zone of who fetches.
_PHOTOS: Final = {
    "IMG_0004.JPG": datetime(2026, 10, 31, 18, 4),  # noqa: DTZ001
    "IMG_0003.JPG": datetime(2026, 8, 15, 12, 30),  # noqa: DTZ001
    "IMG_0002.JPG": datetime(2026, 8, 15, 9, 12),  # noqa: DTZ001
    "IMG_0001.JPG": datetime(2026, 1, 1, 0, 1),  # noqa: DTZ001
}

logger = logging.getLogger("icloudpd")


def say(words: str) -> None:
    """Say something outside the log."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def photo(name: str) -> bytes:
    """Return a photo: a grey pixel as JPEG, with its name as comment, so that no two are the same."""
    one_code = bytes([1, *[0] * 15, 0])  # a Huffman table of one symbol
    segments = {
        0xE0: b"JFIF\0\1\1\0\0\1\0\1\0\0",
        0xFE: name.encode(),
        0xDB: bytes([0, *[1] * 64]),
        0xC0: bytes([8, 0, 1, 0, 1, 1, 1, 0x11, 0]),
        0xC4: bytes([0x00]) + one_code + bytes([0x10]) + one_code,
        0xDA: bytes([1, 1, 0, 0, 63, 0]),
    }
    marked = b"".join(
        bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content for marker, content in segments.items()
    )
    return b"\xff\xd8" + marked + b"\x3f" + b"\xff\xd9"


def photos(structure: str) -> Iterator[tuple[str, datetime]]:
    """Yield each photo's path in the folder, and when it was taken."""
    for name, taken in _PHOTOS.items():
        yield name if structure == "none" else f"{structure.format(taken)}/{name}", taken


class Session:
    """What the cookie directory keeps of an Apple ID (source: pyicloud_ipd's session_path and cookiejar_path)."""

    def __init__(self, directory: Path, apple_id: str) -> None:
        """Nothing is read yet."""
        name = "".join(re.findall(r"\w", apple_id))
        self._cookies = directory / name
        self._data = directory / f"{name}.session"

    @property
    def trusted(self) -> bool:
        """Whether Apple has been shown a code before."""
        try:
            return bool(json.loads(self._data.read_text()).get("trust_token"))
        except (OSError, ValueError):
            return False

    def keep(self, **data: str) -> None:
        """Write both files."""
        self._data.parent.mkdir(mode=0o700, exist_ok=True)
        self._data.write_text(json.dumps({"client_id": f"auth-{uuid.uuid1()}", "session_token": "of-nobody", **data}))
        jar = LWPCookieJar(str(self._cookies))
        for name in _TOKENS if "trust_token" in data else ():
            jar.set_cookie(_cookie(name, time.time() + _LASTS))
        jar.save(ignore_discard=True, ignore_expires=True)


def _cookie(name: str, expires: float) -> Cookie:
    return Cookie(
        version=0,
        name=name,
        value="of-nobody",
        port=None,
        port_specified=False,
        domain=".icloud.com",
        domain_specified=True,
        domain_initial_dot=True,
        path="/",
        path_specified=True,
        secure=True,
        expires=int(expires),
        discard=False,
        comment=None,
        comment_url=None,
        rest={"HttpOnly": ""},
    )


def sign_in(options: argparse.Namespace) -> bool:
    """Sign in, with a code where there is no session yet; return whether Apple let in."""
    logger.debug(SIGNING_IN)
    session = Session(options.cookie_directory, options.username)
    if session.trusted:
        return True
    if not getpass.getpass(f"{ASKS_PASSWORD}{options.username}:"):
        return False
    session.keep()
    logger.info(TWO_FACTOR)
    if ask_for_code() != CODE:
        logger.info(WRONG_CODE)
        return False
    session.keep(trust_token="of-nobody")  # noqa: S106
    logger.info("".join(TRUSTED))
    return True


def ask_for_code() -> str:
    """Ask until there are six digits; `a` has them sent to the one phone that there is."""
    say(f"  a: {_PHONE}")
    question = f"{ASKS_CODE}a{OR_SENDS_ONE}"
    while not re.fullmatch(r"\d{6}", answer := input(f"{question}: ").strip().lower()):
        if answer == "a":
            question = ASKS_SENT_CODE
        else:
            say(UNREADABLE)
    return answer


def fetch(options: argparse.Namespace) -> None:
    """Fetch what is not there yet."""
    wanted = list(photos(options.folder_structure))[: options.recent]
    count, what = str(len(wanted)), "photos and videos"
    if options.until_found:
        count = "???"
    elif len(wanted) == 1:
        count, what = "the first", "photo or video"
    logger.info(FETCHES, count, ",".join(options.size or ["original"]), what, options.directory)
    in_a_row = 0
    for name, taken in wanted:
        place = options.directory / name
        if options.until_found and in_a_row >= options.until_found:
            logger.info(FOUND_ENOUGH, options.until_found)
            break
        if place.exists():
            in_a_row += 1
            logger.debug(IS_THERE, place)
            continue
        in_a_row = 0
        logger.debug(FETCHES_ONE, place)
        if not options.dry_run:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(photo(place.name))
            os.utime(place, (taken.timestamp(), taken.timestamp()))
        logger.info(FETCHED_ONE, place)
    logger.info("All photos and videos%s", HAVE_BEEN_FETCHED)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        say(message)
        sys.exit()


def parse(words: list[str]) -> argparse.Namespace:
    """Read a command line; one that it does not understand ends the program."""
    parser = _Parser(prog="icloudpd", allow_abbrev=False)
    parser.add_argument("--username", required=True)
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--cookie-directory", type=Path, default=Path("~/.pyicloud").expanduser())
    parser.add_argument("--folder-structure", default="{:%Y/%m/%d}")
    parser.add_argument("--log-level", choices=["debug", "info", "error"], default="debug")
    parser.add_argument("--recent", type=int)
    parser.add_argument("--until-found", type=int)
    for flag in ("--auth-only", "--dry-run", "--no-progress-bar", "--skip-live-photos", "--delete-after-download"):
        parser.add_argument(flag, action="store_true")
    for several in ("--size", "--album"):
        parser.add_argument(several, action="append")
    # They change nothing here.
    for option in ("--domain", "--password-provider", "--mfa-provider", "--library", "--live-photo-size"):
        parser.add_argument(option)
    parser.add_argument("--keep-icloud-recent-days", type=int)
    options = parser.parse_args(words)
    if not options.directory and not options.auth_only:
        parser.error("--auth-only, --directory, --list-libraries, or --list-albums are required for each configuration")
    return options


def main() -> None:
    """Run once."""
    options = parse(sys.argv[1:])
    logging.basicConfig(format=LOG_FORMAT, datefmt=LOG_DATES, stream=sys.stdout, level=options.log_level.upper())
    logger.info("Processing user: %s", options.username)
    if not sign_in(options):
        return
    if options.auth_only:
        logger.info(SIGNED_IN)
    else:
        fetch(options)


if __name__ == "__main__":
    main()
