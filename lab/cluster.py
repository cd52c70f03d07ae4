"""A connection to the rehearsal's own API server."""

from pathlib import Path

from kubernetes import client

from clients import credentials


def connect(file: Path) -> client.ApiClient:
    """Connect with a kubeconfig's current context, past any proxy: the server is on loopback.

    The official client takes `HTTPS_PROXY` from the environment even for 127.0.0.1 (source: its Configuration).
    """
    settings = client.Configuration()
    settings.proxy = None
    return credentials.connect(file, settings=settings)
