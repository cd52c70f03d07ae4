"""The host's name, where somebody else makes its record."""

import socket

from settings import Settings
from settings.cloudflare import NoCloudflare


def resolves(settings: Settings) -> bool:
    """Whether the host's name leads anywhere; of a record that is this stack's own affair, nothing is asked."""
    if not isinstance(settings.cloudflare, NoCloudflare):
        return True
    try:
        return bool(socket.getaddrinfo(settings.host, None))
    except OSError:
        return False
