"""A household whose photos are fetched: its settings, and the Jobs that come of them."""

import copy
from typing import Any

from clients.result import Code
from components.ownership import Ownership
from components.photo_sync import fetching, sync
from settings import Settings
from tests.objects import STACK

APPLE_ID = "anna@example.com"
PASSWORD = "correct $(horse) *battery"  # noqa: S105 (invented; of characters that a shell would take for its own)
# What may stay wrong with an account at Apple, and how any client's failure is classed then.
STAYS_WRONG = {
    "advancedProtection": Code.DATA_PROTECTION,
    "securityKey": Code.SECURITY_KEY,
    "zoneMissing": Code.NO_PHOTOS,
    "busy": Code.APPLE_BUSY,
    "indexing": Code.APPLE_BUSY,
}
DISK_ID = "1-00000000000000aa"
DISK = {"kind": "hostPath", "node": "talos-1", "path": "/var/mnt/photos", "owner": {"uid": 1000, "gid": 1001}}


def household(*accounts: dict[str, Any], storage: dict[str, Any] | None = None, **photo_sync: Any) -> Settings:
    """A stack with these accounts; without any, with one that says nothing but its name."""
    return Settings.model_validate(_stack(accounts, photo_sync, storage))


def household_with_pages(*accounts: dict[str, Any], **photo_sync: Any) -> Settings:
    """Such a stack, whose accounts are signed in from a phone: without any stated, at one host."""
    page = {} if accounts else {"signIn": {"host": "sign-in.example.com"}}
    told = {"urls": ["json://127.0.0.1/hush5"]}
    access = {"kind": "ownTunnel", "access": {"emails": ["anna@example.com"]}}
    return Settings.model_validate(
        {**_stack(accounts, {**page, **photo_sync}), "cloudflare": access, "notifications": told}
    )


def _stack(
    accounts: tuple[dict[str, Any], ...], photo_sync: dict[str, Any], storage: dict[str, Any] | None = None
) -> dict[str, Any]:
    stated = accounts or ({"name": "anna"},)
    return {
        "host": "immich.example.com",
        "cluster": {"kubeconfig": "~/.kube/config", "context": "c", "identifier": "i"},
        "storage": storage or DISK,
        "route": {"kind": "ingress"},
        "photoSync": {"accounts": list(stated), **photo_sync},
        "icloudCredentials": {a["name"]: {"appleId": APPLE_ID, "password": PASSWORD} for a in stated},
    }


def sync_job(settings: Settings, **environment: str) -> dict[str, Any]:
    """The Job that the first account's CronJob makes, but for some variables."""
    planned = sync(settings, Ownership(STACK))
    assert planned
    template: dict[str, Any] = copy.deepcopy(planned.accounts[0].cron_job["spec"]["jobTemplate"])
    container = fetching(template["spec"]["template"]["spec"])
    for pair in container["env"]:
        referred = DISK_ID if pair.pop("valueFrom", None) else ""
        pair["value"] = environment.get(pair["name"], pair.get("value", referred))
    return template
