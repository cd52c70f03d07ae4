"""What a script in a pod reports when it ends: one line of JSON. Here is its schema, and its only parser.

`components/result.sh` writes it: as the last line of the log, and as the container's termination message.
"""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel


class Code(StrEnum):
    """What a script came to. A program decides by it; the sentence beside it is for people."""

    # The directory, as it is made, looked at, marked.
    FOUND = "found"
    MARKED = "marked"
    UNMARKED = "unmarked"
    MARK_GONE = "mark-gone"
    DIRECTORY_GONE = "directory-gone"
    NO_DIRECTORY = "no-directory"
    NOT_A_DIRECTORY = "not-a-directory"
    CHANGED = "changed"
    OLD_MARK = "old-mark"
    NOT_OWNED = "not-owned"
    # The disk, as a sync or Immich's pod finds it.
    NO_MARK = "no-mark"
    OTHER_DISK = "other-disk"
    READ_ONLY = "read-only"
    NO_SPACE = "no-space"
    NO_FOLDER = "no-folder"
    NOT_WRITABLE = "not-writable"
    NOT_READABLE = "not-readable"
    REARRANGED = "rearranged"
    # The account.
    SIGNED_IN = "signed-in"
    NOT_SIGNED_IN = "not-signed-in"
    SIGNED_OUT = "signed-out"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105
    LOCKED = "locked"
    SIGN_IN_REFUSED = "sign-in-refused"
    DATA_PROTECTION = "data-protection"
    SECURITY_KEY = "security-key"
    NO_PHOTOS = "no-photos"
    UNKNOWN_ALBUM = "unknown-album"
    UNKNOWN_LIBRARY = "unknown-library"
    BUSY = "busy"
    LISTED = "listed"
    # The run.
    SYNCED = "synced"
    STOPPED = "stopped"
    INCOMPLETE = "incomplete"
    UNRECOGNISED = "unrecognised"
    UNREADABLE_PHOTO = "unreadable-photo"
    NOT_WRITTEN = "not-written"
    APPLE_BUSY = "apple-busy"
    NO_CONNECTION = "no-connection"
    CLIENT_ERRORS = "client-errors"
    CLIENT_EXIT = "client-exit"
    CLIENT_UNFINISHED = "client-unfinished"
    # Its notifications.
    SENT = "sent"
    NOT_SENT = "not-sent"


class Result(BaseModel):
    """The line. A key that this version does not know is another version's, and left alone.

    Attributes:
        code: one of `Code`, or one of another version's.
        message: a sentence or two.
        free: MiB that are free on the photo disk.
        total: MiB that it has.
        floor: MiB that stay free on it.
        inodes_free: inodes that are free on it.
        inodes: all of them; 0 where the filesystem does not count them.
        device: the filesystem's number on its node.
        on_node: whether it is the kubelet's own filesystem.
        fetched: files that were fetched.
        present: files that were there already.
        errors: errors that the client reported.
        announced: photos that Apple says there are, where that can be compared.
        seen: photos that the client was shown.
        missing: announced photos that were not seen, as far as the last look at all of them tells.
        same_name: photos that have name, day and size of another one: the client keeps one file of both.
        session_end: the day until which Apple's session is valid.
        signed_in: the day of the sign-in, where Apple's cookies do not say how long the session is valid.
        id: the id in the disk's marker file; `none` where there is no such file, `old` where it has no id.
        filesystem: what tells the disk's filesystem from another one.
        fingerprint: what tells the disk, and what is on it, from another one.

    """

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, coerce_numbers_to_str=True)

    code: str
    message: str
    free: int | None = None
    total: int | None = None
    floor: int | None = None
    inodes_free: int | None = None
    inodes: int | None = None
    device: str = ""
    on_node: bool | None = None
    fetched: int | None = None
    present: int | None = None
    errors: int | None = None
    announced: int | None = None
    seen: int | None = None
    missing: int | None = None
    same_name: int | None = None
    session_end: date | None = None
    signed_in: date | None = None
    id: str = ""
    filesystem: str = ""
    fingerprint: str = ""


BEGINS = '{"code":"'


def parse(text: str) -> Result | None:
    """Read the result out of a script's output, whose last line it is; None where there is none."""
    last = _last_line(text)
    if not last.startswith(BEGINS):
        return None
    try:
        return Result.model_validate_json(last)
    except ValidationError:
        return None


def words(text: str) -> str:
    """Say in one line what a container's output comes to: its result's sentence, or its last line."""
    result = parse(text)
    return result.message if result else _last_line(text)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")
