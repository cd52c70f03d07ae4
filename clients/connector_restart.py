"""The restart of cloudflared that makes it read its file: an annotation requests it, and Cloudflare shows its end.

The annotation of the pod template holds a hash of this stack's rule and when it was written: what others change in the
file restarts nothing, and a restart that a kill came before is known to be due.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from clients import clock, managed_fields, rollout
from clients.cloudflare import CloudflareError, Connector
from clients.ingress_rules import Rule
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.progress import Progress
from clients.rollout import RolloutError

PATIENCE: Final = 300.0  # seconds from the end of the rollout to the last connection
POLL: Final = 2.0  # seconds
_RELOADER = "reloader.stakater.com"


def watched(workload: Manifest, holder: Manifest) -> bool:
    """Whether Stakater's Reloader restarts a workload when its ConfigMap changes (source: its README)."""
    stated = {**_annotations(workload["spec"].get("template", {})), **_annotations(workload)}
    named = stated.get(f"configmap.{_RELOADER}/reload", "").replace(" ", "").split(",")
    automatic = "true" in {stated.get(f"{_RELOADER}/auto"), stated.get(f"configmap.{_RELOADER}/auto")}
    searched = stated.get(f"{_RELOADER}/search") == "true" and _annotations(holder).get(f"{_RELOADER}/match") == "true"
    return automatic or searched or holder["metadata"]["name"] in named


def written_at(holder: Manifest, key: str, manager: str) -> str:
    """Return when a manager wrote a document, as the API server noted it; empty where another one did so since."""
    return _held_since(holder, ("f:data", f"f:{key}"), manager)


def annotation(stack: str) -> str:
    """Name the annotation of one stack."""
    return f"immich-icloud/tunnel-rule-{_digest(stack)[:8]}"


def mark(rule: Rule, written: str) -> str:
    """Build the annotation's value."""
    digest = _digest(json.dumps(rule, sort_keys=True))[:16]
    return f"{digest}.{written}" if written else digest


def is_due(workload: Manifest, holder: Manifest, stack: str, value: str) -> bool:
    """Whether this stack has a workload yet to restart; a value without a time is that of any write."""
    found = _annotations(workload["spec"].get("template", {})).get(annotation(stack), "")
    done = found == value if "." in value else found.partition(".")[0] == value
    return not done and not watched(workload, holder)


def request(api: ClusterApi, workload: Ref, stack: str, value: str) -> None:
    """State the annotation, or, with an empty value, relinquish it: either restarts the workload if it changes."""
    stated = {"spec": {"template": {"metadata": {"annotations": {annotation(stack): value}}}}} if value else {}
    metadata = {"name": workload.name, "namespace": workload.namespace}
    api.apply({"apiVersion": workload.api_version, "kind": workload.kind, "metadata": metadata, **stated}, stack)


def requested_at(workload: Manifest, stack: str) -> str:
    """Return when a stack stated its annotation; empty where it does not."""
    path = ("f:spec", "f:template", "f:metadata", "f:annotations", f"f:{annotation(stack)}")
    return _held_since(workload, path, stack)


def is_stated(workload: Manifest, stack: str) -> bool:
    """Whether a workload has the annotation of a stack."""
    return annotation(stack) in _annotations(workload["spec"].get("template", {}))


def finish(  # noqa: PLR0913 (two servers, what is waited for, and how)
    cluster: ClusterApi,
    connectors: Callable[[], list[Connector]],
    workloads: Iterable[Ref],
    since: datetime | None,
    report: Callable[[str], None],
    *,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Return when all pods are replaced, and every connector of the tunnel has started since, by this machine's clock.

    A Deployment's own pods may have no readiness probe, and then its rollout proves nothing.

    Raises:
        RolloutError: when that does not come about.

    """
    pods = 0
    for ref in workloads:
        rollout.wait(cluster, ref, report)
        live = cluster.get(ref)
        pods += rollout.replicas(live) if live else 0
    if since is None:
        return
    progress, left = Progress(report), PATIENCE
    while lacking := _lacking(connectors, since, pods):
        progress.tell(lacking)
        if left <= 0:
            raise RolloutError(lacking)
        wait(POLL)
        left -= POLL


def _lacking(connectors: Callable[[], list[Connector]], since: datetime, pods: int) -> str:
    """Say what is still to happen at Cloudflare; empty when nothing is."""
    try:
        connected = [one for one in connectors() if one.connections]
    except CloudflareError as error:
        return f"whether cloudflared is connected is unknown: {error}"
    # Of one that does not say when it started, nothing follows.
    stale = [one for one in connected if one.run_at and one.run_at < since]
    if stale:
        names = ", ".join(one.id or "one without an id" for one in stale)
        return f"connectors of the tunnel have not been restarted: {names}. `cloudflared` may run elsewhere, too"
    if len(connected) < pods:
        return f"{len(connected)} of {pods} pods of cloudflared are connected to Cloudflare"
    return ""


def moment(text: str, ahead: timedelta) -> datetime | None:
    """Read a time of the API server, whose clock is ahead of this machine's; None of an empty text."""
    return clock.here(datetime.fromisoformat(text), ahead) if text else None


def _held_since(thing: Manifest, path: managed_fields.Path, manager: str) -> str:
    held = (
        one
        for one in thing["metadata"].get("managedFields") or ()
        if one.get("manager") == manager and managed_fields.holders([one], [path])
    )
    return max((str(one.get("time") or "") for one in held), default="")


def _annotations(thing: Manifest) -> Manifest:
    return (thing.get("metadata") or {}).get("annotations") or {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
