"""A Job that lists the files of the import folders, for a comparison with what Immich has, and what reads its log."""

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Sequence

from clients.kubernetes import Manifest
from components import disk_check, images
from components.ownership import Ownership
from components.photo_disk import MARK
from components.scripts import script
from settings import Settings

_AT = "/photos"
_LASTS = 1800  # seconds: a hundred thousand files on a slow disk take minutes


class IncompleteListError(ValueError):
    """A part of the list is missing."""


def job(settings: Settings, ownership: Ownership, folders: Sequence[str]) -> Manifest:
    """Build the Job: the disk check's own, with another command."""
    made = disk_check.job(settings, ownership)
    made["metadata"]["generateName"] = "list-photos-"
    made["spec"]["activeDeadlineSeconds"] = _LASTS
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {
        "DIRECTORY": _AT,
        "FOLDERS": " ".join(folders),
        "MARK": MARK,
        "MARK_DISK": ownership.command("mark-disk"),
    }
    container |= {
        "name": "list-photos",
        "image": images.BUSYBOX,
        "command": ["sh", "-c", script("list_photos.sh")],
        "env": [*container["env"], *({"name": name, "value": value} for name, value in environment.items())],
        "volumeMounts": [*container["volumeMounts"], {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }
    pod["volumes"].append({"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}})
    return made


def files(log: Iterable[str]) -> list[str]:
    """Read the list: paths below the photo directory.

    Raises:
        IncompleteListError: when lines of the log are missing.

    """
    try:
        listed = gzip.decompress(base64.b64decode("".join(log), validate=True))
    except (binascii.Error, OSError, EOFError, zlib.error):
        raise IncompleteListError("the list of the disk's files did not arrive whole") from None
    return [path.decode(errors="surrogateescape") for path in listed.split(b"\0") if path]
