"""The API on loopback."""

from pathlib import Path

from lab.cloudflare.api import Api
from lab.cloudflare.world import World, found
from lab.stand_in import server


class Server(server.Server[Api]):
    """Serves the world in `state`, or the one as found; `url` is the file that says where, once it listens."""

    def __init__(self, state: Path, url: Path) -> None:
        super().__init__(Api(server.kept(state, World, found)), state, url)
