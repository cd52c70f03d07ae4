"""A house with photos: a node and its disks, Immich in a pod, and one stack that is deployed and removed as a whole.

Scripts, provider and commands are the program's own. Played is what a cluster does with them: which Jobs and CronJobs
there are, what its ConfigMaps hold, whether a pod runs. Disks are folders that stand in the photo directory's place, or
away from it. A pod keeps what it mounted when it started.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from clients.immich import ImmichApi, UnansweredError
from clients.jobs import JobError
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.result import Result, parse, words
from clients.service_connection import NotRunningError
from components.ownership import Ownership
from components.photo_disk import MARK, RECORD
from components.photo_sync import cron_job_name
from components.plan import Found, Plan, plan
from lab.immich.api import Api
from lab.immich.world import API_KEY, found
from lab.node.container import Image
from lab.node.volumes import Disk, NotMountedError
from lab.stand_in.answers import LostAnswerError, Request
from ops.command import Stack
from providers import immich_library
from providers.disk_identity import DiskIdentity, DiskIdentityProvider
from providers.immich_library import ImmichLibraryProvider
from settings import Settings
from settings.model import Backend
from settings.photo_sync import IMPORT_FOLDER
from tests.accounts import household
from tests.fake_cluster import FakeCluster
from tests.icloudpd_stand_in import BEGINS, ENDS, FETCHES, Icloudpd
from tests.node_stand_in import Ended, Filesystems, Node
from tests.objects import SERVERS, STACK
from tests.one_resource import OneResource

PATH = "/var/mnt/icloud-photos"
ACCOUNTS = ("anna", "ben")

Photo = tuple[int, str]


class RolloutError(Exception):
    """Immich's new pod does not start."""


@cache
def stated(accounts: Sequence[str], *, key: bool) -> Settings:
    """The stack's settings, with these accounts, and with an API key of Immich or without."""
    # Root may not own photos, and only root gives them away.
    owner = {"uid": os.getuid() or 1000, "gid": os.getgid() or 1000}
    storage = {"kind": "hostPath", "node": "n", "path": PATH, "owner": owner}
    # Each keeps its folder, whoever else there is.
    folders = dict(zip(ACCOUNTS, (IMPORT_FOLDER, f"{IMPORT_FOLDER}-{ACCOUNTS[1]}"), strict=True))
    settings = household(*({"name": name, "folder": folders[name]} for name in accounts), storage=storage)
    return settings.model_copy(update={"immich_api_key": SecretStr(API_KEY) if key else None})


@cache
def planned(accounts: Sequence[str], *, key: bool, adopt: bool = False) -> Plan:
    """What the stack states."""
    return plan(stated(accounts, key=key), Found(SERVERS), Ownership(STACK, adopting=adopt))


@dataclass(frozen=True)
class Disks:
    """Folders, each known by its inode: one may stand in the photo directory's `place`, others are `away`."""

    place: Path
    away: Path

    @property
    def there(self) -> int | None:
        return self.place.stat().st_ino if self.place.exists() else None

    def all(self) -> dict[int, Path]:
        here = {self.there: self.place} if self.there else {}
        return {**here, **{int(folder.name): folder for folder in self.away.iterdir()}}

    def mark(self, disk: int | None) -> str:
        """The content of a disk's marker file; empty where it has none."""
        marker = self.all()[disk] / MARK if disk is not None else Path("/nonexistent")
        return marker.read_text() if marker.is_file() else ""

    def marks(self) -> dict[int, str]:
        """Of each disk with a marker file what is in it."""
        return {disk: mark for disk in self.all() if (mark := self.mark(disk))}

    def tree(self, disk: int) -> set[str]:
        top = self.all()[disk]
        return {str(path.relative_to(top)) for path in top.rglob("*")}

    def photos(self) -> set[Photo]:
        return {(disk, name) for disk in self.all() for name in self.tree(disk) if name.endswith(".jpg")}

    def show(self, disk: int | None) -> None:
        """Mount a disk, or nothing, in place of what is there."""
        if disk is not None and disk == self.there:
            return
        if self.there:
            self.place.rename(self.away / str(self.there))
        if disk is not None:
            (self.away / str(disk)).rename(self.place)

    def another(self, *folders: str) -> int:
        """Another disk, which is not mounted yet; or an empty mount point, where it has no folders."""
        made = self.away / "new"
        made.mkdir()
        for folder in folders:
            (made / folder).mkdir()
            (made / folder / "found.jpg").touch()
        disk = made.stat().st_ino
        made.rename(self.away / str(disk))
        return disk


class PhotoNode(Node):
    """A node on which the claim of the photos leads to what is in the photo directory's place."""

    @cached_property
    def volume(self) -> Manifest:
        volume = planned(ACCOUNTS, key=True).volume
        assert volume
        return volume.manifest

    def place(self, volume: Manifest) -> Path:
        claimed = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claimed == self.volume["spec"]["claimRef"]["name"]:
            return Disk(self.disk).persistent(self.volume)
        return super().place(volume)


@dataclass(frozen=True)
class Scan:
    """A scan that was requested from outside Immich.

    Attributes:
        marked: whether the disk with the cluster's id stood in the photo directory's place.
        trashed: the paths of photos that it put into Immich's trash.

    """

    marked: bool
    trashed: set[str]


class House(FakeCluster):
    """The cluster, with all that stands in it.

    `mount` is this stack's part of Immich's Deployment; `pod` is which disk its pod has at which path, None while none
    runs. `meanwhile` happens between what is done in the cluster and what is asked of Immich.
    """

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="house-"))
        for part in ("away", "record", "secret", "image", "bin", "lost", "disk/var/mnt"):
            (self.base / part).mkdir(parents=True)
        for part in ("appleId", "password"):
            (self.base / "secret" / part).write_text("x")
        for account in ACCOUNTS:
            session = self.base / "disk" / f"icloud-cookies-{account}"
            session.mkdir()
            (session / "x.session").write_text('{"trust_token": "x"}')
        self._tell_filesystems_apart()
        self.icloudpd = Icloudpd.at(self.base / "image" / "icloudpd")
        image = Image(programs={"/app/icloudpd": self.icloudpd.place}, path_first=self.base / "bin")
        self.node = PhotoNode(self.base / "disk", self.base / "record", image, self.base / "secret")
        self.disks = Disks(self.node.path(PATH), self.base / "away")
        (self.base / "mirror").mkdir()
        self.job: tuple[Manifest, bool] | None = None
        self.mount: Manifest | None = None
        self.pod: dict[str, int | None] | None = {}
        self.immich = Api(found())
        self.library = OneResource(_Provider(self))
        self.drawn, self.on_disk = (OneResource(_Identity(self)) for _ in range(2))
        self.scans: list[Scan] = []
        self.fetched = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def remove(self) -> None:
        shutil.rmtree(self.base)

    def _tell_filesystems_apart(self) -> None:
        """Each disk has a filesystem of its own, and room."""
        say = Filesystems(self.base / "bin").put
        for program in ("chown", "chgrp"):  # all containers run as whoever runs the test
            say(program, "")
        say("df", 'set -- $(ls -di "$2")\necho Filesystem\necho "/dev/$1 99999999 1 99999998 1% /"\n')
        say("stat", 'shift $(($# - 1))\nset -- $(ls -di "$1")\necho "$1"\n')

    # the node

    def run(self, job: Manifest, namespace: str = "photo-sync") -> Ended:
        """Run a Job's pod. It changes nothing on a disk that has no mark, or another one than the cluster has."""
        before = {disk: self.disks.tree(disk) for disk in self.disks.all()}
        marks = self.disks.marks()
        folder = self.node.record if namespace == "photo-sync" else self.base / "mirror"
        for file in folder.iterdir():
            file.unlink()
        for key, value in self.data(namespace).items():
            (folder / key).write_text(value)
        try:
            ended = replace(self.node, record=folder).run(job)
        except FileNotFoundError:  # its ConfigMap has no id: the kubelet starts no container
            ended = Ended(1, "", "", "CreateContainerConfigError")
        for disk in self.disks.all():
            changed = self.disks.tree(disk) != before.get(disk, set())
            newly = self.disks.mark(disk) != marks.get(disk, "")
            assert self.is_right(disk) or newly or not changed, ended
        return ended

    def data(self, namespace: str) -> dict[str, str]:
        """What the directory ConfigMap, or its mirror, has."""
        found = self.objects.get(Ref("v1", "ConfigMap", RECORD, namespace), {})
        return dict(found.get("data", {}))

    @property
    def made_before(self) -> bool:
        """Whether the cluster remembers that there is a photo directory."""
        known = {**self.data("immich"), **self.data("photo-sync")}
        return "made" in known or "marked" in known

    def is_right(self, disk: int | None, namespace: str = "photo-sync") -> bool:
        """Whether a disk has the id that the cluster has."""
        id_ = self.data(namespace).get("id")
        return bool(id_) and f"id: {id_}\n" in self.disks.mark(disk)

    def complete(self, job: Manifest, log: Callable[[str], None] | None) -> Result | None:
        """Run a Job to its good end."""
        ended = self.run(job)
        if log:
            for line in ended.out.splitlines():
                log(line)
        if ended.code:
            raise JobError(words(ended.message or ended.out + ended.error))
        return parse(ended.message)

    def start_pod(self) -> None:
        """End Immich's pod, and start another one, if our guard lets it."""
        self.pod = None
        if self.mount is None:
            self.pod = {}
            return
        pod = self.mount["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        guard = {"spec": {"template": {"spec": {"containers": pod["initContainers"], "volumes": pod["volumes"]}}}}
        try:
            places = {volume["name"]: self.node.place(volume) for volume in pod["volumes"]}
            if self.run(guard, "immich").code:
                return
        except NotMountedError:
            return
        self.pod = {}
        for mount in container["volumeMounts"]:
            assert places[mount["name"]] == self.disks.place
            assert self.is_right(self.disks.there, "immich"), "Immich starts on a disk without its id"
            self.pod[mount["mountPath"]] = self.disks.there

    def lose(self, disk: int | None) -> None:
        """A disk vanishes under Immich's pod: its mount is empty from now on."""
        if self.pod:
            self.pod = {path: None if disk == seen else seen for path, seen in self.pod.items()}

    def sees(self, disk: int | None) -> bool:
        """Whether Immich's pod runs and has that disk."""
        return disk is not None and self.pod is not None and disk in self.pod.values()

    # icloudpd

    def next_photo(self, then: str = "") -> None:
        """What icloudpd does from now on: it fetches one photo, and another one after `then`."""
        self.fetched += 1
        into = 'while [ "$1" != --directory ]; do shift; done\n'
        photo = f': >"$2/{self.fetched}.jpg"\n'
        more = f'{then}: >"$2/{self.fetched}-too-late.jpg"\n' if then else ""
        self.icloudpd.behave(f"{BEGINS}{into}{photo}{more}{FETCHES}{ENDS}")

    # Immich

    def ask_immich(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        if self.pod is None:
            raise NotRunningError("Service immich/immich-server has no pod that is ready")
        self._look_at_disks()
        trashed = self._trashed()
        try:
            answer = self.immich.handle(Request(method, path, {}, {"x-api-key": API_KEY}, body))
        except LostAnswerError:
            raise UnansweredError("Immich does not answer") from None
        finally:
            if self.immich.world.queue:
                self.immich.work()
                self.scans.append(Scan(self.is_right(self.disks.there), self._trashed() - trashed))
        return answer.status, answer.content()

    def immich_scans_by_itself(self) -> None:
        if self.pod is not None:
            self._look_at_disks()
            self.immich.world.queue.extend(self.immich.world.libraries)
            self.immich.work()

    def shown(self) -> set[str]:
        """The paths of photos in Immich that are not in its trash."""
        return {asset["originalPath"] for asset in self.immich.world.assets.values()} - self._trashed()

    def _trashed(self) -> set[str]:
        return {asset["originalPath"] for asset in self.immich.world.assets.values() if asset["isTrashed"]}

    def _look_at_disks(self) -> None:
        folders, lost = self.disks.all(), self.base / "lost"
        self.immich.world.mounts = {
            path: str(folders[disk] if disk else lost) for path, disk in (self.pod or {}).items()
        }

    # the stack

    def stack(self, accounts: Sequence[str], *, key: bool) -> Stack:
        return Stack(STACK.partition("/")[2], stated(accounts, key=key), self)

    def cron_job(self, account: str) -> Manifest | None:
        return self.objects.get(Ref("batch/v1", "CronJob", cron_job_name(account), "photo-sync"))

    def up(self, accounts: Sequence[str], *, key: bool, adopt: bool) -> None:
        """Do as the engine, in the order of the resources; it stops at the first that fails."""
        wanted = planned(accounts, key=key, adopt=adopt)
        self.drawn.up(DiskIdentity.properties(wanted.disk_identity, marked=False))
        job = wanted.directory_job.manifest
        if self.job != (job, True):  # it is new, has changed, or failed
            self.job = (job, False)
            self.complete(job, None)
            self.job = (job, True)
        ref, record = wanted.directory_record.ref, wanted.directory_record.manifest["data"]
        self.patch(ref, {"data": record}, "immich-icloud")
        self.on_disk.up(DiskIdentity.properties(wanted.disk_identity, marked=True))
        self._remove_cron_jobs()
        for account in wanted.sync.accounts if wanted.sync else ():
            made = {**account.cron_job, "metadata": {**account.cron_job["metadata"], "uid": account.account}}
            self.objects[Ref.of(made)] = made
        if self.mount != wanted.mounts[0]:
            self.mount, was = wanted.mounts[0], self.mount
            self.start_pod()
            if self.pod is None:
                self.mount = was
                self.start_pod()
                raise RolloutError
        self.meanwhile()  # a rollout takes minutes
        if wanted.libraries is None:
            self.library.state = None  # it is kept
            return
        (library,) = wanted.libraries.wanted
        self.library.up({**immich_library._properties(library), "library_id": None})  # noqa: SLF001 (what the resource hands over)

    def down(self, resources: int) -> None:
        """Remove so many of the stack's resources, the last ones first; it is killed after that."""
        removals: list[Callable[[], Any]] = [
            lambda: setattr(self.library, "state", None),
            self._unmount_from_immich,
            self._remove_cron_jobs,
            self.on_disk.destroy,
            lambda: self.objects.pop(Ref("v1", "ConfigMap", RECORD, "photo-sync"), None),
            lambda: setattr(self, "job", None),
            self.drawn.destroy,
        ]
        for remove in removals[:resources]:
            remove()

    def _remove_cron_jobs(self) -> None:
        for ref in [ref for ref in self.objects if ref.kind == "CronJob"]:
            del self.objects[ref]

    def _unmount_from_immich(self) -> None:
        if self.mount:
            self.mount = None
            self.start_pod()


class InProcess(ImmichApi):
    """Asks the house's Immich."""

    def __init__(self, house: House) -> None:
        self._house = house

    def _send(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        return self._house.ask_immich(method, path, body)

    def close(self) -> None:
        pass


class _Provider(ImmichLibraryProvider):
    """The real one, in the house."""

    def __init__(self, house: House) -> None:
        self._house = house

    def _api(self) -> ClusterApi:
        return self._house

    def _immich(self, _: Backend) -> ImmichApi:
        return InProcess(self._house)


class _Identity(DiskIdentityProvider):
    """The real one, in the house."""

    def __init__(self, house: House) -> None:
        self._house = house

    def _api(self) -> ClusterApi:
        return self._house
