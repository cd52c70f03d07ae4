"""A connection to the rehearsal's own API server."""

from pathlib import Path

from kubernetes import client, config


def connect(kubeconfig: Path) -> client.ApiClient:
    """Connect with a kubeconfig's current context, past any proxy: the server is on loopback.

    The official client takes `HTTPS_PROXY` from the environment even for 127.0.0.1 (source: its Configuration).
    """
    settings = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=settings)
    settings.proxy = None
    return client.ApiClient(settings)
