"""A pod in which someone signs an account in at Apple, on the volume that keeps the account's session."""

from datetime import date

from clients.kubernetes import Manifest
from components import account_pod, pods
from components.ownership import Ownership
from components.photo_client import client_of
from components.scripts import script
from settings import Settings
from settings.photo_sync import Account
from settings.schedule import days_to_next

_SCRIPT = "SIGN_IN"
LASTS = 900  # seconds: Apple's codes are good for minutes


def job(account: Account, settings: Settings, ownership: Ownership, today: date) -> Manifest:
    """Build the Job: its pod waits for `command` to be run in it, and ends by itself when no command attaches again."""
    client = client_of(account, settings.photo_sync)
    environment = {
        "AHEAD": str(days_to_next(settings.photo_sync.schedule, today)),
        "TZ": settings.photo_sync.time_zone,
        # Here rather than in `command`, which is part of an address, and those may be short.
        _SCRIPT: script("session.sh", "explain.sh", *client.SCRIPTS, "new_session.sh", "sign_in.sh"),
        **account_pod.environment(account, client, ownership),
    }
    waiting = account_pod.container(
        account.name, client, ownership, ["sleep", str(LASTS)], environment, settings.photo_sync.resources
    )
    pod = account_pod.pod(waiting, account_pod.volumes(account.name, client), settings.storage)
    # A volume that was just made belongs to root: this is the first pod that writes to the session's, and no photos are
    # in it.
    own_group = {"fsGroup": settings.storage.owner.gid, "fsGroupChangePolicy": "OnRootMismatch"}
    pod["securityContext"] |= own_group
    pod["terminationGracePeriodSeconds"] = 1  # `sleep` is the pod's first process, which ignores SIGTERM
    labels = account_pod.labels(account.name, client)
    place = {"generateName": prefix(account), "namespace": settings.photo_sync.namespace}
    return pods.job({**place, "labels": labels}, labels, pod, lasts=LASTS)


def prefix(account: Account) -> str:
    """Name what the names of an account's Jobs for signing in begin with."""
    return f"icloud-login-{account.name}-"


def command(account: Account, settings: Settings) -> list[str]:
    """Build the command that signs in, to be run in the pod with what is typed as its stdin."""
    client = client_of(account, settings.photo_sync)
    return ["sh", "-c", f'eval "${_SCRIPT}"', "sign_in.sh", *client.PROGRAM, *client.questions(account)]
