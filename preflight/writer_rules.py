"""What else writes to the photo disk, and how it is retired. Pure.

Two clients on one folder fetch each photo twice, or rewrite what the other has verified.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from clients.kubernetes import Manifest, Ref
from clients.nodes import HOST_NAME
from clients.volumes import Directory, directory
from components.account_pod import ACCOUNT
from components.photo_disk import LABELS
from components.plan import Plan
from components.storage import of_written, written_claim
from observe.existing import ExistingSeen
from observe.writers import WritersSeen
from preflight import wording
from settings import Settings
from settings.storage import OnNode
from text.finding import Finding
from text.owner_marks import ARGOCD_TRACKING, FLUX_KUSTOMIZATION, FLUX_RELEASE

_ICLOUDPD = re.compile(r"(^|[/-])icloudpd([-:@]|$)")
_DIRECTORY = re.compile(r"(?:^|\s)(?:-d|--directory)[ =](\S+)")
_VARIABLE = "download_path"  # where boredazfcuk/icloudpd is told
_RCLONE = re.compile(r"(^|[/-])rclone([-:@]|$)")
_COMMAND = re.compile(r"(?<=\s)(copy|copyto|sync|move|moveto|bisync)(?=\s)")
_REMOTE = re.compile(r"[^-/:][^/:]*:.*")
_DELIVERED = (ARGOCD_TRACKING, f"{FLUX_KUSTOMIZATION}/name", f"{FLUX_RELEASE}/name")


@dataclass(frozen=True)
class _Written:
    """Where a workload may write.

    Attributes:
        place: the directory.
        client: what fetches photos there; empty for anything else.
        told: whether the client is given exactly that one.
        deletes: whether it deletes there what it does not know.

    """

    place: Directory
    client: str = ""
    told: bool = False
    deletes: bool = False

    def is_on(self, folder: Directory) -> bool:
        """Whether a client fetches to a folder. One that is not told to which directory may do so in all of it."""
        if self.told and not self.deletes:
            return self.place.within(folder)
        return bool(self.client) and self.place.overlaps(folder)


def findings(
    settings: Settings, seen: WritersSeen, plan: Plan, existing: ExistingSeen | None = None
) -> Iterator[Finding]:
    """Find all that could write to the disk beside this stack."""
    yield from (wording.NOT_KNOWN.found(reason=one) for one in seen.forbidden)
    storage = settings.storage
    volume = plan.volume.manifest if plan.volume else existing.volume if existing else None
    whole = directory(volume["spec"]) if volume else None
    claims = {_tied(one["spec"]): place for one in seen.volumes if (place := directory(one["spec"]))}
    claim = settings.photo_sync.namespace, written_claim(storage)
    claims[claim] = whole or Directory(("claim", *claim), PurePosixPath("/"))
    disk = claims[claim].below(of_written(storage).get("subPath", ""))
    folders = [disk.below(folder) for folder in settings.photo_sync.folders.values()]
    for workload in seen.workloads:
        if not _is_managed(workload, plan) and not _runs_elsewhere(settings, _template(workload)["spec"]):
            yield from _judged(workload, disk, folders, claims)


def _judged(
    workload: Manifest, disk: Directory, folders: list[Directory], claims: Mapping[tuple[str, str], Directory]
) -> Iterator[Finding]:
    ref, retire = Ref.of(workload), _retire(workload)
    written = list(_written(workload, claims))
    second = next((one.client for one in written if any(map(one.is_on, folders))), "")
    if second:
        yield wording.SECOND_ICLOUDPD.found(ref, client=second, retire=retire)
    elif any(one.place.within(disk) or (one.client and one.place.overlaps(disk)) for one in written):
        yield wording.OTHER_WRITER.found(ref, retire=retire)


def _written(workload: Manifest, claims: Mapping[tuple[str, str], Directory]) -> Iterator[_Written]:
    pod, namespace = _template(workload)["spec"], workload["metadata"].get("namespace", "")
    volumes = {one["name"]: place for one in pod.get("volumes") or [] if (place := _of_volume(one, namespace, claims))}
    for container in [*(pod.get("initContainers") or []), *pod["containers"]]:
        client, told = _fetching(container)
        for mount in container.get("volumeMounts") or []:
            place = volumes.get(mount["name"])
            if place is None or mount.get("readOnly"):
                continue
            place, at = place.below(mount.get("subPath", "")), PurePosixPath(mount["mountPath"])
            below = [(target.relative_to(at), deletes) for target, deletes in told if target.is_relative_to(at)]
            for target, deletes in below:
                yield _Written(place.below(str(target)), client, told=True, deletes=deletes)
            if not below:
                yield _Written(place, "" if told else client)


def _fetching(container: Manifest) -> tuple[str, list[tuple[PurePosixPath, bool]]]:
    """Find which client a container runs, and the directories that its arguments have it write to, or delete in."""
    image = container.get("image", "")
    words = shlex.join([*(container.get("command") or []), *(container.get("args") or [])]).replace("'", " ")
    if _ICLOUDPD.search(image):
        stated = {one["name"]: one.get("value", "") for one in container.get("env") or []}
        found = _DIRECTORY.search(words)
        path = found[1] if found else stated.get(_VARIABLE, "")
        return "icloudpd", [(PurePosixPath(path), False)] if path.startswith("/") else []
    if _RCLONE.search(image) or "rclone" in words:
        _, *commands = _COMMAND.split(f" {words}")
        told = [one for verb, rest in zip(commands[::2], commands[1::2], strict=True) for one in _told(verb, rest)]
        return "rclone" if told else "", told
    return "", []


def _told(verb: str, arguments: str) -> Iterator[tuple[PurePosixPath, bool]]:
    """Find the directories of this node that a command of rclone writes to, and whether it deletes there."""
    from_remote = False
    for word in arguments.split():
        if _REMOTE.fullmatch(word):
            from_remote = True
        elif word.startswith("/") and (from_remote or verb not in {"copy", "copyto", "sync"}):
            yield PurePosixPath(word.rstrip(";")), verb in {"sync", "bisync"} or not from_remote


def _of_volume(volume: Manifest, namespace: str, claims: Mapping[tuple[str, str], Directory]) -> Directory | None:
    claim = volume.get("persistentVolumeClaim")
    return claims.get((namespace, claim["claimName"])) if claim else directory(volume)


def _tied(spec: Manifest) -> tuple[str, str]:
    claim = spec.get("claimRef") or {}
    return claim.get("namespace", ""), claim.get("name", "")


def _template(workload: Manifest) -> Manifest:
    if workload["kind"] == "Pod":
        return workload
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    template: Manifest = spec["template"]
    return template


def _is_managed(workload: Manifest, plan: Plan) -> bool:
    labels = _template(workload).get("metadata", {}).get("labels") or {}
    by_hand = workload["metadata"].get("namespace") == plan.directory_job.ref.namespace and (
        ACCOUNT in labels or labels.items() >= LABELS.items()
    )
    immichs = {Ref.of(mount) for mount in plan.mounts}
    return plan.ownership.owns(workload) or by_hand or Ref.of(workload) in immichs


def _runs_elsewhere(settings: Settings, pod: Manifest) -> bool:
    if not isinstance(settings.storage, OnNode):
        return False
    node = (pod.get("nodeSelector") or {}).get(HOST_NAME) or pod.get("nodeName")
    return node not in {None, settings.storage.node}


def _retire(workload: Manifest) -> str:
    metadata, kind = workload["metadata"], workload["kind"]
    at = f"{kind.lower()} -n {metadata.get('namespace')} {metadata['name']}"
    marks = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    in_git = not marks.keys().isdisjoint(_DELIVERED)
    change, command = {
        "CronJob": ("set spec.suspend to true", f'kubectl patch {at} -p \'{{"spec":{{"suspend":true}}}}\''),
        "Deployment": ("set spec.replicas to 0", f"kubectl scale {at} --replicas=0"),
        "StatefulSet": ("set spec.replicas to 0", f"kubectl scale {at} --replicas=0"),
    }.get(kind, ("remove it", f"kubectl delete {at}"))
    return f"{change} in git" if in_git else command
