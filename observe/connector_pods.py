"""What the pods of a cloudflared say of themselves at their metrics port, where the API server's proxy may be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients import connector_file
from clients.ingress_rules import Rule
from clients.kubernetes import ClusterApi, ClusterError, Manifest, Ref

_RUNNING = "Running"


@dataclass(frozen=True)
class RunningConnector:
    """A cloudflared that runs.

    Attributes:
        id: its connectorId, by which Cloudflare knows it; empty where that is unknown, or it is not connected.
        rules: the rules in force; None where they are unknown.
        remote: whether those are Cloudflare's, and not its file's.

    """

    id: str = ""
    rules: tuple[Rule, ...] | None = None
    remote: bool = False


def read_pods(api: ClusterApi, workload: Manifest, document: Mapping[str, Any]) -> tuple[RunningConnector, ...]:
    """Ask each pod of a workload once; one that does not answer is left out.

    Args:
        api: the cluster.
        workload: what runs cloudflared.
        document: its configuration, which may name the port.

    """
    port = connector_file.metrics_port(workload, document)
    labels = workload["spec"].get("selector", {}).get("matchLabels") or {}
    if port is None or not labels:
        return ()
    namespace = workload["metadata"].get("namespace")
    try:
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = api.list(Ref("v1", "Pod", "", namespace), labelSelector=selector)
    except ClusterError:
        return ()
    running = [Ref.of(pod) for pod in pods if pod.get("status", {}).get("phase") == _RUNNING]
    return tuple(one for pod in running if (one := _asked(api, pod, port)) != RunningConnector())


def _asked(api: ClusterApi, pod: Ref, port: int) -> RunningConnector:
    # /ready answers 200 only while it is connected; the version of rules from a file is -1 (source: cloudflared,
    # metrics/readiness.go and orchestration/orchestrator.go).
    ready = _answer(api, pod, port, "ready")
    if ready is None:
        return RunningConnector()
    found, version = _answer(api, pod, port, "config") or {}, -1
    try:
        rules: Sequence[Any] | None = found["config"]["ingress"]
        version = int(found["version"])
    except (KeyError, TypeError, ValueError, OverflowError):
        rules = None
    told = tuple(rule for rule in rules if isinstance(rule, Mapping)) if isinstance(rules, list) else None
    return RunningConnector(str(ready.get("connectorId") or ""), told, remote=version >= 0)


def _answer(api: ClusterApi, pod: Ref, port: int, path: str) -> Mapping[str, Any] | None:
    try:
        return api.of_pod(pod, port, path)
    except ClusterError:
        return None
