"""Settings of a small stack, as its file would say them."""

from typing import Any

from settings import Settings, parse
from tests.stack_files import as_text

ON_HOST: dict[str, Any] = {"kind": "hostPath", "node": "talos-1", "path": "/var/mnt/photos"}


def configured(storage: dict[str, Any] = ON_HOST, **more: Any) -> Settings:
    values = {
        "host": "immich.example.com",
        "cluster": {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"},
        "storage": storage,
        "route": {"kind": "ingress"},
        **more,
    }
    disabled = {"pulumi:disable-default-providers": as_text(["kubernetes", "cloudflare"])}
    return parse(disabled | {f"immich-icloud:{key}": as_text(value) for key, value in values.items()})
