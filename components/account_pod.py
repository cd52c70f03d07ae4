"""The pod in which an account's client runs: its container, with session and credentials, and their volumes."""

from collections.abc import Mapping
from typing import Final

from clients.kubernetes import Manifest
from components.ownership import Ownership
from components.photo_client import Client
from components.pods import TOLERATIONS, alone, asks_for, confined, sized
from settings.photo_sync import Account
from settings.resources import Resources
from settings.storage import OnNode, Storage
from text.literal import literal

ACCOUNT: Final = "immich-icloud/account"  # label of all that is an account's
NAME: Final = "app.kubernetes.io/name"  # label of all that is a client's
COOKIES: Final = "/cookies"
TMP: Final = "/tmp"  # noqa: S108 (a volume of its own)
_CREDENTIALS = "/credentials"
_READABLE = 0o444  # by the one container of the pod, which has no group that the Secret's files could be given to


def environment(account: Account, client: Client, ownership: Ownership) -> dict[str, str]:
    """Build the variables that the client's own functions read."""
    return {
        "LIST": ownership.command("icloud-list", account.name),
        "SIZES": f",{','.join(account.sizes)},",
        **client.OPTIONS,
    }


def container(  # noqa: PLR0913, PLR0917 (what it is made of)
    account: str,
    client: Client,
    ownership: Ownership,
    command: list[str],
    environment: Mapping[str, str],
    resources: Resources,
) -> Manifest:
    """Build a container of the client's image that has an account's session, credentials and room to unpack itself."""
    stated = {
        **environment,
        "ACCOUNT": account,
        "CREDENTIALS": _CREDENTIALS,
        "COOKIES": COOKIES,
        "LOGIN": ownership.command("icloud-login", account),
        "UP": ownership.command("up"),
        "TMPDIR": TMP,
        "HOME": TMP,
    }
    return {
        "name": client.NAME,
        "image": client.IMAGE,
        "command": command,
        "workingDir": TMP,  # where the client leaves a report on a photo that it does not understand
        "env": [{"name": name, "value": literal(value)} for name, value in stated.items()],
        "volumeMounts": [
            {"name": "cookies", "mountPath": COOKIES},
            {"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True},
            {"name": "tmp", "mountPath": TMP},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": sized(resources, cpu="50m", memory="256Mi", most="1Gi"),
        "securityContext": confined(),
    }


def volumes(account: str, client: Client) -> list[Manifest]:
    """Build the volumes of an account's container."""
    return [
        {"name": "cookies", "persistentVolumeClaim": {"claimName": cookie_claim(account)}},
        {
            "name": "credentials",
            "secret": {"secretName": credentials_secret(account), "defaultMode": _READABLE},
        },
        {"name": "tmp", "emptyDir": {"sizeLimit": client.ROOM}},
    ]


def labels(account: str, client: Client) -> dict[str, str]:
    """Build the labels of all that is an account's; the NetworkPolicy goes by them."""
    return {NAME: client.NAME, ACCOUNT: account}


def cookie_claim(account: str) -> str:
    """Name the claim of an account's session."""
    return f"icloud-cookies-{account}"


def credentials_secret(account: str) -> str:
    """Name the Secret with an account's Apple ID and password."""
    return f"icloud-credentials-{account}"


def pod(container: Manifest, volumes: list[Manifest], storage: Storage, node: str = "") -> Manifest:
    """Build a pod that runs as the owner of the photos, as restricted as PodSecurity knows it."""
    built = {
        "restartPolicy": "Never",
        # No fsGroup: the kubelet would rewrite group and mode of every photo, and can't undo it.
        **alone(runAsNonRoot=True, runAsUser=storage.owner.uid, runAsGroup=storage.owner.gid),
        **asks_for(node),
        "containers": [container],
        "volumes": volumes,
    }
    if isinstance(storage, OnNode):  # the volume's own affinity leads to the node
        built["tolerations"] = TOLERATIONS
    return built
