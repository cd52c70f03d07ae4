"""All that a stack states in the cluster, as manifests."""

from collections.abc import Iterator
from datetime import date

from clients.kubernetes import Manifest
from clients.result import Code, Result
from components import directory, list_icloud, list_photos, sign_in
from components.connector import Origin
from components.ownership import Ownership
from components.photo_sync import notification_test
from components.plan import Found, plan
from ops.sync_now import manual_run
from settings import Settings
from tests.objects import SERVERS, STACK

TODAY = date(2026, 11, 27)
FOUND = Found(SERVERS, origin=Origin("immich", {"app": "immich"}, 2283))


def objects(settings: Settings) -> Iterator[Manifest]:
    """All that the stack states in the cluster, and all Jobs that its commands make."""
    ownership = Ownership(STACK)
    planned = plan(settings, FOUND, ownership)
    home = settings.photo_sync.namespace
    yield from (one.manifest for one in planned.managed_objects())
    yield from planned.fragments()
    yield directory.look(settings.storage, home)
    sight = Result(code=Code.UNMARKED, message="", id="none", filesystem="1-1", fingerprint="1-1")
    folders = settings.photo_sync.import_folders
    yield directory.mark(settings.storage, folders, home, ownership, sight, "1-aa")
    yield list_photos.job(settings, ownership, folders)
    if planned.libraries:
        yield planned.libraries.disk_check
    if settings.notifications and planned.sync:
        yield notification_test(settings, ownership)
    for account, sync in zip(settings.photo_sync.accounts, planned.sync.accounts if planned.sync else (), strict=False):
        yield sign_in.job(account, settings, ownership, TODAY)
        yield list_icloud.job(account, settings, ownership)
        yield manual_run({**sync.cron_job, "metadata": {**sync.cron_job["metadata"], "uid": "of-the-cron-job"}})
        data = {key: value.get_secret_value() for key, value in sync.secret.data.items()}
        yield sync.secret.manifest | {"stringData": data}
