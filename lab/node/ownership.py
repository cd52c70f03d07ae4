"""What a kubelet does to a volume's files for a pod with `fsGroup` (source: its pkg/volume/volume_linux.go)."""

import contextlib
import os
import stat
from pathlib import Path

from lab.node.container import Manifest

_READ = stat.S_IRUSR | stat.S_IRGRP
_WRITE = stat.S_IWUSR | stat.S_IWGRP
_FOLDER = stat.S_ISGID | stat.S_IXUSR | stat.S_IXGRP


def hand_over(place: Path, context: Manifest, *, read_only: bool = False) -> None:
    """Give all files of a volume to the pod's group, to read and, unless it is `read_only`, to write.

    Only root can give files to any group: others change modes only, which is what shows that files were touched.
    """
    group = context.get("fsGroup")
    if group is None or (context.get("fsGroupChangePolicy") == "OnRootMismatch" and _matches(place, group)):
        return
    added = _READ if read_only else _READ | _WRITE
    for path in (*place.rglob("*"), place):  # the root is last, so that a walk that was cut short is repeated
        with contextlib.suppress(PermissionError):
            os.chown(path, -1, group, follow_symlinks=False)
        with contextlib.suppress(PermissionError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) | added | (_FOLDER if stat.S_ISDIR(mode) else 0))


def _matches(place: Path, group: int) -> bool:
    status = place.stat()
    wanted = _READ | _WRITE | _FOLDER
    return status.st_gid == group and status.st_mode & wanted == wanted
