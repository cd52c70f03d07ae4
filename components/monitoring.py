"""What Prometheus watches of the syncs, and what Grafana shows: three alerts, and a dashboard over the same metrics.

Metrics: those of kube-state-metrics about CronJobs and Jobs, and the kubelet's about mounted claims. The real promtool
tests the alerts: `tests/promtool`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from clients.kubernetes import Manifest, Ref
from components import photo_sync, storage
from components.free_space import floor
from components.ownership import Ownership
from settings import Settings
from settings.schedule import longest_wait
from settings.storage import HostPath

API: Final = "monitoring.coreos.com/v1"
KIND: Final = "PrometheusRule"
RULES: Final = "icloud-sync"
DASHBOARD: Final = "icloud-sync-dashboard"
_DAY = 24 * 3600  # seconds
_NEARLY_FULL = 10  # per cent that is left
_MIB = 2**20
_LONGEST_UID = 40  # of a dashboard (source: Grafana)


def names(settings: Settings) -> Iterator[Ref]:
    """Name the objects; none where monitoring is off, or there is nothing to watch."""
    if settings.monitoring and settings.photo_sync.accounts:
        yield Ref(API, KIND, RULES, settings.photo_sync.namespace)
        yield Ref("v1", "ConfigMap", DASHBOARD, settings.photo_sync.namespace)


def manifests(settings: Settings, ownership: Ownership) -> Mapping[str, Manifest]:
    """Build the objects, by the names of their resources."""
    if settings.monitoring is None or not settings.photo_sync.accounts:
        return {}
    rules, dashboard = names(settings)
    groups = [{"name": "immich-icloud", "rules": list(_alerts(settings, ownership))}]
    shown = {"immich-icloud.json": json.dumps(_dashboard(settings), indent=1)}
    return {
        "monitoring-rules": ownership.whole(rules, labels=settings.monitoring.rule_labels, spec={"groups": groups}),
        "monitoring-dashboard": ownership.whole(dashboard, labels=settings.monitoring.dashboard_labels, data=shown),
    }


def _alerts(settings: Settings, ownership: Ownership) -> Iterator[Manifest]:
    for account in settings.photo_sync.accounts:
        yield _overdue(account.name, settings, ownership)
        yield _failed(account.name, settings, ownership)
    if claim := _measured(settings):
        yield _nearly_full(claim, settings, ownership)


def _overdue(account: str, settings: Settings, ownership: Ownership) -> Manifest:
    of = _selector(settings, cronjob=photo_sync.cron_job_name(account))
    # One that has never succeeded is as old as its CronJob. One that runs is waited for: a first import takes days.
    since = f"kube_cronjob_status_last_successful_time{of} or on (namespace, cronjob) kube_cronjob_created{of}"
    days = longest_wait(settings.photo_sync.schedule) + 1
    return _alert(
        "ICloudSyncOverdue",
        f"time() - max by (namespace, cronjob) ({since}) > {days * _DAY} "
        f"unless on (namespace, cronjob) kube_cronjob_status_active{of} > 0",
        f"No sync of account {account} has succeeded for more than {days} days",
        ownership.command("verify"),
        account=account,
    )


def _failed(account: str, settings: Settings, ownership: Ownership) -> Manifest:
    name = photo_sync.cron_job_name(account)
    jobs = _selector(settings, owner_kind="CronJob", owner_name=name)
    failed = f"kube_job_failed{_selector(settings, condition='true')} == 1"
    began = (
        f"max(kube_job_status_start_time{_selector(settings)} and on (namespace, job_name) ({failed}) "
        f"and on (namespace, job_name) kube_job_owner{jobs})"
    )
    # A failed Job may stay for months: one before the last success is over.
    succeeded = f"max(kube_cronjob_status_last_successful_time{_selector(settings, cronjob=name)}) or vector(0)"
    return _alert(
        "ICloudSyncFailed",
        f"{began} > scalar({succeeded})",
        f"The last sync of account {account} failed",
        ownership.command("verify"),
        account=account,
    )


def _nearly_full(claim: tuple[str, str], settings: Settings, ownership: Ownership) -> Manifest:
    free, all_of_it = _space(claim)
    kept = floor(settings.photo_sync.min_free_space).own
    # Above the floor at which the sync itself stops.
    if kept.endswith("%"):
        few = f"100 * {free} / {all_of_it} < {max(_NEARLY_FULL, int(kept[:-1]) + 5)}"
    else:
        few = f"100 * {free} / {all_of_it} < {_NEARLY_FULL} or {free} < {2 * int(kept) * _MIB}"
    summary = "The photos' volume is nearly full. The sync stops at photoSync.minFreeSpace"
    return {**_alert("ICloudPhotosNearlyFull", few, summary, ownership.command("verify")), "for": "15m"}


def _measured(settings: Settings) -> tuple[str, str] | None:
    """Name the claim that Immich always mounts; the kubelet measures no hostPath (source: Kubernetes 1.36)."""
    if isinstance(settings.storage, HostPath):
        return None
    return settings.immich.namespace, storage.claim_for_immich(settings.storage)


def _space(claim: tuple[str, str]) -> tuple[str, str]:
    of = "{{namespace={}, persistentvolumeclaim={}}}".format(*map(json.dumps, claim))
    return f"kubelet_volume_stats_available_bytes{of}", f"kubelet_volume_stats_capacity_bytes{of}"


def _selector(settings: Settings, **labels: str) -> str:
    stated = {"namespace": settings.photo_sync.namespace, **labels}
    return "{" + ", ".join(f'{name}="{value}"' for name, value in stated.items()) + "}"


def _alert(name: str, expression: str, summary: str, command: str, **labels: str) -> Manifest:
    return {
        "alert": name,
        "expr": expression,
        "labels": {"severity": "warning", **labels},
        "annotations": {"summary": f"{summary}.", "description": f"Next: {command}"},
    }


def _dashboard(settings: Settings) -> dict[str, Any]:
    names = "|".join(photo_sync.cron_job_name(account.name) for account in settings.photo_sync.accounts)
    of = f'{{namespace="{settings.photo_sync.namespace}", cronjob=~"{names}"}}'
    jobs = f'{{namespace="{settings.photo_sync.namespace}", job_name=~"({names})-.+"}}'
    since = f"time() - kube_cronjob_status_last_successful_time{of}"
    failed = f"sum by (job_name) (kube_job_status_failed{jobs})"
    panels = [
        _panel("stat", "s", "Since the last successful sync", since, "cronjob"),
        _panel("stat", "s", "Until the next sync", f"kube_cronjob_next_schedule_time{of} - time()", "cronjob"),
        _panel("timeseries", "short", "Running syncs", f"kube_cronjob_status_active{of}", "cronjob"),
        _panel("timeseries", "short", "Failed syncs", failed, "job_name"),
    ]
    if claim := _measured(settings):
        free, all_of_it = _space(claim)
        share = f"100 * {free} / {all_of_it}"
        panels.append(_panel("timeseries", "bytes", "Free space of the photos' volume", free, "persistentvolumeclaim"))
        panels.append(_panel("gauge", "percent", "Free space, per cent", share, "persistentvolumeclaim"))
    return {
        "uid": f"immich-icloud-{settings.photo_sync.namespace}"[:_LONGEST_UID],
        "title": f"iCloud photos ({settings.photo_sync.namespace})",
        "tags": ["immich-icloud"],
        "schemaVersion": 39,
        "time": {"from": "now-30d", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [
            {"id": place + 1, "gridPos": {"x": place % 2 * 12, "y": place // 2 * 8, "w": 12, "h": 8}, **panel}
            for place, panel in enumerate(panels)
        ],
    }


def _panel(kind: str, unit: str, title: str, expression: str, legend: str) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "type": kind,
        "title": title,
        "datasource": source,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [{"refId": "A", "datasource": source, "expr": expression, "legendFormat": f"{{{{{legend}}}}}"}],
    }
