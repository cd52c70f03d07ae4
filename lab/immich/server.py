"""The API on loopback."""

from collections.abc import Mapping
from pathlib import Path

from lab.immich.api import Api
from lab.immich.world import World, found
from lab.stand_in import server


class Server(server.Server[Api]):
    """Serves the world in `state`, or the one as found; `url` is the file that says where, once it listens."""

    def __init__(self, state: Path, url: Path, mounts: Mapping[str, str]) -> None:
        """Mount directories of this machine: `mounts` has the path of each as Immich sees it."""
        api = Api(server.kept(state, World, found))
        api.world.mounts = dict(mounts)
        super().__init__(api, state, url)
