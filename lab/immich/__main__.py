"""`python -m lab.immich STATE_FILE URL_FILE [MOUNT_PATH=DIRECTORY]...`: serve the API until ended."""

import sys
from pathlib import Path

from lab.immich.server import Server

if __name__ == "__main__":
    state, url, *mounts = sys.argv[1:]
    Server(Path(state), Path(url), dict(mount.split("=", 1) for mount in mounts)).serve_forever()
