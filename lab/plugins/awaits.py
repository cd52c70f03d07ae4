"""When an object counts as ready, and waiting for it.

The conditions are those of the real plugin 4.32.0 (source: provider/pkg/await), read from the object's own status by
polling: the real one watches, waits ten more seconds for endpoints to settle, and shows its pods' messages too.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clients.conditions import holding, unmet
from lab.plugins.changes import Object
from lab.plugins.cluster import Cluster

_TIMEOUT: Final = 600.0
_VOLUME_TIMEOUT: Final = 300.0
_POLL_EVERY: Final = 0.25
_LEGACY_SKIPS_DELETE: Final = {
    ("v1", "Namespace"),
    ("apps/v1", "Deployment"),
    ("batch/v1", "Job"),
}
"""Kinds whose `skipAwait` also holds for deletion."""
_INFORMED: Final[Mapping[tuple[str, str], tuple[tuple[str, str], ...]]] = {
    ("apps/v1", "Deployment"): (
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("v1", "Pod"),
        ("v1", "PersistentVolumeClaim"),
    ),
    ("batch/v1", "Job"): (("batch/v1", "Job"), ("v1", "Pod")),
}
"""Kinds of which the real one lists all in the namespace, to wait; where it may not, it waits without end."""
_ANNOTATIONS: Final = ("patchFieldManager", "patchForce", "replaceUnready", "skipAwait")
_NOT_AWAITED: Final = {"Ingress", "Service"}


class NotReadyError(Exception):
    """The object exists, but did not get ready; or it was to go, and did not."""

    def __init__(self, message: str, live: Object, reasons: list[str]) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = reasons


@dataclass(frozen=True)
class Readiness:
    """One look at an object."""

    missing: str = ""
    """What it waits for, as text; empty when ready."""
    failed: str = ""
    """Why it will never be ready; empty while it may."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, who may end it, and who is told."""

    timeout: float
    """Seconds; 0 for the kind's own default."""
    cancelled: threading.Event
    report: Callable[[str], None]

    def until(self, default: float) -> float:
        """Say when it ends, on the monotonic clock."""
        return time.monotonic() + (self.timeout or default)


def annotation(obj: Object, name: str) -> str:
    """Return one of our `pulumi.com/` annotations; empty without it."""
    annotations = obj.get("metadata", {}).get("annotations")
    value = annotations.get(f"pulumi.com/{name}", "") if isinstance(annotations, dict) else ""
    return value if isinstance(value, str) else ""


def refuse_unknown(inputs: Object) -> None:
    """Refuse what is awaited, named or deleted otherwise than here.

    Raises:
        ValueError: an object without a name, an annotation that is not known here, or an Ingress or Service that is
            to be awaited.
    """
    metadata = inputs.get("metadata", {})
    ours = (name for name in metadata.get("annotations") or () if name.startswith("pulumi.com/"))
    unknown = [name for name in ours if name.removeprefix("pulumi.com/") not in _ANNOTATIONS]
    if inputs["kind"] in _NOT_AWAITED and annotation(inputs, "skipAwait") != "true":
        unknown.append(f"{inputs['kind']} without pulumi.com/skipAwait")
    if not metadata.get("name"):
        unknown.append("an object without a name")
    if unknown:
        raise ValueError(f"the lab's Kubernetes stand-in does not know: {', '.join(unknown)}")


def wait_until_ready(cluster: Cluster, inputs: Object, live: Object, patience: Patience) -> Object:
    """Wait for an object that was just created or updated.

    Returns:
        The live object; at once if its kind is not awaited, or with `pulumi.com/skipAwait`.

    Raises:
        NotReadyError: it failed, the time is over, or the wait was cancelled.
    """
    key = _key(live)
    if key not in _RULES or annotation(inputs, "skipAwait") == "true":
        return live
    name = live["metadata"]["name"]
    deadline = patience.until(_VOLUME_TIMEOUT if "Volume" in key[1] else _TIMEOUT)
    for version, kind in _INFORMED.get(key, ()):
        cluster.look_at_all(version, kind, live["metadata"].get("namespace", ""))
    last = live
    reported = ""
    while True:
        found = cluster.get(live)
        if found is None:
            raise NotReadyError(f"'{name}' was deleted while waiting for it to be Ready", last, [])
        last = found
        readiness = _RULES[key](last)
        if readiness.failed:
            raise NotReadyError(f"Resource '{name}' was created but failed to initialize", last, [readiness.failed])
        if not readiness.missing:
            if reported:
                patience.report("")
            return last
        if readiness.missing != reported:
            reported = readiness.missing
            patience.report(reported)
        _pause(patience, deadline, last, f"'{name}' timed out waiting to be Ready", [reported])


def unreadiness(inputs: Object, live: Object) -> NotReadyError | None:
    """Look once, as a refresh does: a Job or Deployment that isn't ready is kept, with its reason."""
    key = _key(live)
    if key not in _RULES or "Volume" in key[1] or annotation(inputs, "skipAwait") == "true":
        return None
    readiness = _RULES[key](live)
    if not (reason := readiness.failed or readiness.missing):
        return None
    message = f"Resource '{live['metadata']['name']}' was created but failed to initialize"
    return NotReadyError(message, live, [reason])


def wait_until_gone(cluster: Cluster, inputs: Object, live: Object, patience: Patience) -> None:
    """Wait for a deletion to end; another object under the same name counts as gone.

    The real one lists all of the kind in the namespace first, and waits without end where it may not (source:
    provider/pkg/await/informers).

    Raises:
        NotReadyError: it is still there, with its finalizers.
        ApiError: the kind may not be listed.
    """
    if annotation(inputs, "skipAwait") == "true" and _key(live) in _LEGACY_SKIPS_DELETE:
        return
    cluster.look_at_all(*_key(live), live["metadata"].get("namespace", ""))
    deadline = patience.until(_TIMEOUT)
    uid = live["metadata"].get("uid")
    while (found := cluster.get(live)) and found["metadata"]["uid"] == uid:
        finalizers = ", ".join(found["metadata"].get("finalizers", []))
        reasons = [f"finalizers might be preventing deletion ({finalizers})"]
        _pause(patience, deadline, found, "timed out waiting for the condition", reasons)


def _pause(patience: Patience, deadline: float, live: Object, late: str, reasons: list[str]) -> None:
    if time.monotonic() >= deadline:
        raise NotReadyError(late, live, reasons)
    if patience.cancelled.wait(_POLL_EVERY):
        name = live["metadata"]["name"]
        raise NotReadyError(f'Resource operation was cancelled for "{name}"', live, reasons)


def _volume(live: Object) -> Readiness:
    phase = _status(live).get("phase", "Pending")
    return Readiness(
        "" if phase in ("Available", "Bound") else f"Waiting for PersistentVolume to be Available ({phase})"
    )


def _claim(live: Object) -> Readiness:
    phase = _status(live).get("phase", "Pending")
    return Readiness("" if phase == "Bound" else f"Waiting for PersistentVolumeClaim to be Bound ({phase})")


def _job(live: Object) -> Readiness:
    status, held = _status(live), holding(live)
    if failed := held.get("Failed"):
        return Readiness(failed=f"[{failed.get('reason')}] {failed.get('message')}")
    if "Complete" in held:
        return Readiness()
    counts = " | ".join(f"{word}: {status.get(word.lower(), 0)}" for word in ("Active", "Succeeded", "Failed"))
    name = f"{live['metadata']['namespace']}/{live['metadata']['name']}".removeprefix("default/")
    verb = f"succeed ({counts})" if "startTime" in status else "start"
    return Readiness(f'Waiting for Job "{name}" to {verb}')


def _deployment(live: Object) -> Readiness:
    status, wanted = _status(live), live["spec"].get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    seen = status.get("observedGeneration") == live["metadata"].get("generation")
    progressing = unmet(live).get("Progressing", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        # The real plugin shows this too, but waits on until its own timeout.
        return Readiness(failed=f"[{progressing.get('reason')}] {progressing.get('message')}")
    # All replicas are of the new template: a rollout that still has old pods is not over.
    if seen and "Available" in holding(live) and ready >= wanted and updated == status.get("replicas", 0) == wanted:
        return Readiness()
    return Readiness(f"Waiting for app ReplicaSet to be available ({min(updated, ready)}/{wanted} Pods available)")


_RULES: Final[Mapping[tuple[str, str], Callable[[Object], Readiness]]] = {
    ("v1", "PersistentVolume"): _volume,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("apps/v1", "Deployment"): _deployment,
    ("batch/v1", "Job"): _job,
}


def _key(obj: Object) -> tuple[str, str]:
    return str(obj.get("apiVersion")), str(obj.get("kind"))


def _status(live: Object) -> dict[str, Any]:
    status: dict[str, Any] = live.get("status") or {}
    return status
