"""Settings of a household whose photos are fetched."""

from typing import Any

from settings import Settings

APPLE_ID = "anna@example.com"
PASSWORD = "correct $(horse) *battery"  # noqa: S105 (nobody's; of characters that a shell would take for its own)
DISK = {"kind": "hostPath", "node": "talos-1", "path": "/var/mnt/photos", "owner": {"uid": 1000, "gid": 1001}}


def household(*accounts: dict[str, Any], storage: dict[str, Any] | None = None, **photo_sync: Any) -> Settings:
    """A stack with these accounts; without any, with one that says nothing but its name."""
    stated = accounts or ({"name": "anna"},)
    return Settings.model_validate(
        {
            "host": "immich.example.com",
            "cluster": {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"},
            "storage": storage or DISK,
            "route": {"kind": "ingress"},
            "photoSync": {"accounts": list(stated), **photo_sync},
            "icloudCredentials": {a["name"]: {"appleId": APPLE_ID, "password": PASSWORD} for a in stated},
        }
    )
