"""Photos from iCloud, on a schedule: one CronJob an account, with the account's credentials and its session.

The script judges a run itself, not a second container with Python. That would be one more image to pin and to pull; the
client's log, which has session tokens, would lie on a volume; and a cut file or a busy Apple needs the client again
after the judgement, so that two containers would have to wait for each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi

from clients.kubernetes import Manifest, Ref
from components import account_pod, network, notifications, pods, sign_in_page
from components.free_space import floor
from components.managed import SecretObject, register
from components.ownership import Ownership
from components.photo_client import client_of
from components.photo_disk import MARK, disk_id
from components.scripts import script
from components.sign_in_page import SignInPages
from components.storage import of_written, written_claim
from settings import Settings
from settings.photo_sync import Account, Credentials
from settings.resources import Resources
from settings.schedule import longest_wait, runs_a_day
from text.literal import literal

NETWORK_POLICY = "icloud-sync"
_PHOTOS = "/photos"
_FOLDER = "FOLDER"  # the variable of the container that fetches
# A first import takes days; one that takes longer goes on with the next run.
_DEADLINE = 3 * 24 * 3600
_WHOLE_EVERY = 31  # days
RETRY_AFTER = "RETRY_AFTER"  # the variable
_RETRY_AFTER = "3600 10800 21600"  # seconds: a run at night is tried again until noon
_EVERY = 15  # seconds: what a fast line writes in that time is far less than the space that stays free


@dataclass(frozen=True)
class AccountSync:
    """What fetches the photos of one account.

    Attributes:
        account: the account's name.
        folder: its folder in the photo directory.
        cookies: the claim of its session.
        secret: the Secret of its credentials.
        cron_job: the CronJob.

    """

    account: str
    folder: str
    cookies: Manifest
    secret: SecretObject
    cron_job: Manifest

    @property
    def pod(self) -> Manifest:
        """The spec of the pods that fetch."""
        spec: Manifest = self.cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        return spec


@dataclass(frozen=True)
class Sync:
    """All accounts, and what holds for all of them.

    Attributes:
        accounts: each account.
        network_policy: the one rule of the network.
        notifications: the Secret of where notifications are sent; None where none are.
        pages: what leads to the pages to sign in; None where there are none.

    """

    accounts: tuple[AccountSync, ...]
    network_policy: Manifest
    notifications: SecretObject | None
    pages: SignInPages | None

    def manifests(self) -> Iterator[Manifest]:
        """All objects, in the order in which they are made."""
        yield self.network_policy
        if self.notifications:
            yield self.notifications.manifest
        if self.pages:
            yield from self.pages.manifests()
        for account in self.accounts:
            yield from (account.cookies, account.secret.manifest, account.cron_job)

    def pods(self) -> list[Manifest]:
        """The pods that will run."""
        return [account.pod for account in self.accounts]

    def overview(self, mounted_at: str) -> list[dict[str, str]]:
        """Say of each account its name, its folder as Immich sees it, its CronJob and its schedule."""
        return [
            {
                "name": account.account,
                "folder": f"{mounted_at}/{account.folder}",
                "cron_job": "{namespace}/{name}".format(**account.cron_job["metadata"]),
                "schedule": "{schedule} ({timeZone})".format(**account.cron_job["spec"]),
            }
            for account in self.accounts
        ]


def sync(settings: Settings, ownership: Ownership, node: str = "") -> Sync | None:
    """Build the manifests; None for a stack without accounts. `node` is the one that the pods ask for, if any."""
    accounts = settings.photo_sync.accounts
    if not accounts:
        return None
    namespace, known = settings.photo_sync.namespace, settings.icloud_credentials or {}
    sent = settings.notifications
    return Sync(
        accounts=tuple(_account_sync(account, known[account.name], settings, ownership, node) for account in accounts),
        network_policy=ownership.whole(
            Ref("networking.k8s.io/v1", "NetworkPolicy", NETWORK_POLICY, namespace),
            spec=_out_only(
                {client_of(account, settings.photo_sync).NAME for account in accounts},
                *(notifications.egress(sent) if sent else ()),
            ),
        ),
        notifications=notifications.secret(sent, namespace, ownership) if sent else None,
        pages=sign_in_page.pages(settings, ownership),
    )


def arrangement(cron_job: Manifest) -> str:
    """Read out of a CronJob where it imports to, and how the photos are arranged there."""
    container = fetching(cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    stated = {pair["name"]: pair.get("value", "") for pair in container.get("env", [])}
    return f"{stated.get(_FOLDER, '')} {stated.get('LAYOUT', '')}"


def fetching(pod: Manifest) -> Manifest:
    """Find the container of a sync's pod that fetches, by the folder that it is given."""
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    given = (one for one in containers if any(pair["name"] == _FOLDER for pair in one.get("env", [])))
    found: Manifest = next(given, containers[0])
    return found


def _account_sync(
    account: Account, credentials: Credentials, settings: Settings, ownership: Ownership, node: str
) -> AccountSync:
    namespace, cookie_volume = settings.photo_sync.namespace, settings.photo_sync.cookie_volume
    client = client_of(account, settings.photo_sync)
    labels = account_pod.labels(account.name, client)

    cookies = ownership.whole(
        Ref("v1", "PersistentVolumeClaim", account_pod.cookie_claim(account.name), namespace),
        # Many classes make a volume only for a pod, and the first pod may be a month away.
        {"pulumi.com/skipAwait": "true"},
        labels,
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": cookie_volume.capacity}},
            **({"storageClassName": cookie_volume.storage_class} if cookie_volume.storage_class else {}),
        },
    )
    named = Ref("v1", "Secret", account_pod.credentials_secret(account.name), namespace)
    secret = SecretObject(
        ownership.whole(named, labels=labels, type="Opaque"),
        {"appleId": credentials.apple_id, "password": credentials.password},
    )
    photos = {"name": "photos", "persistentVolumeClaim": {"claimName": written_claim(settings.storage)}}
    waiting = {sign_in_page.LABEL: account.name} if account.name in settings.photo_sync.pages else {}
    job = {
        "backoffLimit": 0,  # Apple locks an account out that tries too often
        "activeDeadlineSeconds": _DEADLINE,
        "template": {
            "metadata": {"labels": {**labels, **waiting}},
            "spec": _notifying(
                account,
                account_pod.pod(
                    _container(account, settings, ownership),
                    [photos, *account_pod.volumes(account.name, client)],
                    settings.storage,
                    node,
                ),
                settings,
                ownership,
            ),
        },
    }
    cron_job = ownership.whole(
        Ref("batch/v1", "CronJob", cron_job_name(account.name), namespace),
        labels=labels,
        spec={
            "schedule": settings.photo_sync.schedule,
            "timeZone": settings.photo_sync.time_zone,
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": job},
        },
    )
    return AccountSync(account.name, settings.photo_sync.folders[account.name], cookies, secret, cron_job)


def _notifying(account: Account, pod: Manifest, settings: Settings, ownership: Ownership) -> Manifest:
    """Have the pod notify, where that is configured: after the sync, in a container that ends with its code."""
    if settings.notifications is None:
        return pod
    (container,) = pod["containers"]
    ahead = longest_wait(settings.photo_sync.schedule)
    page = settings.photo_sync.pages.get(account.name)
    before = sign_in_page.containers(account, page, settings.notifications, settings, ownership) if page else []
    return {
        **pod,
        "initContainers": [*before, container],
        "containers": [notifications.container(account.name, ahead, settings.notifications, ownership)],
        "volumes": [*pod["volumes"], notifications.room()],
    }


def notification_test(settings: Settings, ownership: Ownership) -> Manifest:
    """Build a Job that sends a test to where notifications go, from where the syncs' pods send them."""
    resources = settings.notifications.resources if settings.notifications else Resources()
    pod = account_pod.pod(
        notifications.tester(resources, ownership), [{"name": "tmp", "emptyDir": {}}], settings.storage
    )
    client = client_of(settings.photo_sync.accounts[0], settings.photo_sync)
    labels = {account_pod.NAME: client.NAME}  # the NetworkPolicy selects it
    place = {"generateName": "icloud-notify-test-", "namespace": settings.photo_sync.namespace}
    return pods.job({**place, "labels": labels}, labels, pod, lasts=notifications.TEST_LASTS)


def _container(account: Account, settings: Settings, ownership: Ownership) -> Manifest:
    sync, kept = settings.photo_sync, floor(settings.photo_sync.min_free_space)
    folder = sync.folders[account.name]
    notifies = settings.notifications is not None
    client = client_of(account, sync)
    environment = {
        "DIRECTORY": _PHOTOS,
        _FOLDER: folder,
        "MARK": MARK,
        "FLOOR": kept.own,
        "FLOOR_NODE": kept.node,
        "KUBELETS": account_pod.TMP,
        "EVERY": str(_EVERY),
        "LAYOUT": client.layout(account, sync.time_zone),
        "DRY_RUN": str(account.dry_run).lower(),
        "UNTIL_FOUND": str(account.until_found or 0),
        "AHEAD": str(longest_wait(sync.schedule)),
        "MARK_DISK": ownership.command("mark-disk"),
        "TZ": sync.time_zone,
        "FOUND_AS_IS": str(account.accept_existing).lower(),
        "COMPARABLE": str(account.recent is None).lower(),
        "ACCEPT_MISSING": str(account.accept_missing or 0),
        "WHOLE_EVERY": str(_WHOLE_EVERY),
        # The next scheduled run is the next try where there is one on the same day.
        RETRY_AFTER: _RETRY_AFTER if runs_a_day(sync.schedule) == 1 else "",
        **account_pod.environment(account, client, ownership),
        **({"VERDICT": notifications.VERDICT} if notifies else {}),
    }
    before = ("verdict.sh",) if notifies else ()
    command = [
        "sh",
        "-c",
        script(
            *(*before, "session.sh", "space.sh", "explain.sh"),
            *(*client.SCRIPTS, "aside.sh", "filled_before.sh", "sync.sh"),
        ),
        "sync.sh",
        *client.PROGRAM,
        *map(literal, client.arguments(account, folder, account_pod.COOKIES)),
    ]
    container = account_pod.container(account.name, client, ownership, command, environment, sync.resources)
    container["env"].append(disk_id())
    container["volumeMounts"].insert(0, {"name": "photos", "mountPath": _PHOTOS, **of_written(settings.storage)})
    if notifies:
        container["volumeMounts"].append({"name": "verdict", "mountPath": notifications.VERDICT})
    return container


def cron_job_name(account: str) -> str:
    """Name an account's CronJob."""
    return f"icloud-sync-{account}"


def _out_only(clients: set[str], *more: Manifest) -> Manifest:
    names = sorted(clients)
    alone, several = {account_pod.NAME: names[0]}, [{"key": account_pod.NAME, "operator": "In", "values": names}]
    return {
        "podSelector": {"matchExpressions": several} if names[1:] else {"matchLabels": alone},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [],
        # To any address: Apple has many.
        "egress": [network.NAMES, {"ports": [{"protocol": "TCP", "port": 443}]}, *more],
    }


class PhotoSynchronisation(pulumi.ComponentResource):
    """Every account's photos are fetched when it is time."""

    def __init__(self, name: str, plan: Sync, opts: pulumi.ResourceOptions) -> None:
        super().__init__("immich-icloud:index:PhotoSynchronisation", name, None, opts)

        def inside(*before: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=list(before))

        policy = register(f"{name}-network-policy", plan.network_policy, inside())
        before = [policy]
        if plan.notifications:
            before.append(register(f"{name}-notifications", plan.notifications.stated, inside()))
        if plan.pages:
            before.append(register(f"{name}-sign-in-policy", plan.pages.network_policy, inside()))
            for account_name, service in plan.pages.services.items():
                before.append(register(f"{name}-sign-in-{account_name}", service, inside()))
        for account in plan.accounts:
            needed = (
                *before,
                register(f"{name}-cookies-{account.account}", account.cookies, inside(), protect=True),
                register(f"{name}-credentials-{account.account}", account.secret.stated, inside()),
            )
            register(f"{name}-cron-job-{account.account}", account.cron_job, inside(*needed))
