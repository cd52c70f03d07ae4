"""A Job that lists an account's libraries and albums at Apple."""

from clients.kubernetes import Manifest
from components import account_pod, pods
from components.ownership import Ownership
from components.photo_client import client_of
from components.scripts import script
from settings import Settings
from settings.photo_sync import Account

_LASTS = 600  # seconds


def job(account: Account, settings: Settings, ownership: Ownership) -> Manifest:
    """Build the Job; its log has the names."""
    client = client_of(account, settings.photo_sync)
    environment = {**account_pod.environment(account, client, ownership), "AHEAD": "0"}
    scripts = script("session.sh", "explain.sh", *client.SCRIPTS, "list_icloud.sh")
    command = ["sh", "-c", scripts, "list_icloud.sh", *client.PROGRAM, *client.questions(account)]
    container = account_pod.container(
        account.name, client, ownership, command, environment, settings.photo_sync.resources
    )
    labels = account_pod.labels(account.name, client)
    place = {"generateName": f"icloud-list-{account.name}-", "namespace": settings.photo_sync.namespace}
    pod = account_pod.pod(container, account_pod.volumes(account.name, client), settings.storage)
    return pods.job({**place, "labels": labels}, labels, pod, lasts=_LASTS)
