"""A pod in which somebody signs an account in at Apple, on the volume that keeps the account's session."""

from datetime import date

from clients.kubernetes import Manifest
from components import icloudpd as client
from components import photo_sync
from components.ownership import Ownership
from components.scripts import script
from settings import Settings
from settings.photo_sync import Account
from settings.schedule import days_to_next

_SCRIPT = "SIGN_IN"
LASTS = 900  # seconds: Apple's codes are good for minutes


def job(account: Account, settings: Settings, ownership: Ownership, today: date) -> Manifest:
    """Build the Job: its pod waits for `command` to be run in it, and ends by itself when nobody comes back."""
    environment = {
        "AHEAD": str(days_to_next(settings.photo_sync.schedule, today)),
        "TZ": settings.photo_sync.time_zone,
        # Here rather than in `command`, which is part of an address, and those may be short.
        _SCRIPT: script("session.sh", *client.SCRIPTS, "sign_in.sh"),
        **photo_sync.client_environment(account, ownership),
    }
    waiting = photo_sync.container_of_account(account.name, ownership, ["sleep", str(LASTS)], environment)
    pod = photo_sync.pod(waiting, photo_sync.volumes(account.name), settings.storage)
    # A volume that was just made belongs to root: this is the first pod that writes to the session's, and no photos are
    # in it.
    own_group = {"fsGroup": settings.storage.owner.gid, "fsGroupChangePolicy": "OnRootMismatch"}
    pod["securityContext"] |= own_group
    labels = photo_sync.labels_of(account.name)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": prefix(account),
            "namespace": settings.photo_sync.namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": LASTS,
            "template": {
                "metadata": {"labels": labels},
                # `sleep` is the pod's first process, which is deaf to SIGTERM.
                "spec": {**pod, "terminationGracePeriodSeconds": 1},
            },
        },
    }


def prefix(account: Account) -> str:
    """Name what the names of an account's Jobs for signing in begin with."""
    return f"icloud-login-{account.name}-"


def command(account: Account) -> list[str]:
    """Build the command that signs in, to be run in the pod with what is typed as its stdin."""
    return ["sh", "-c", f'eval "${_SCRIPT}"', "sign_in.sh", client.PROGRAM, *arguments(account)]


def arguments(account: Account) -> list[str]:
    """Build the client's command line, but for what the script adds: who signs in, and where the session is kept."""
    return [client.SIGN_IN, *client.questions(account)]
