"""Each alert fires when it should, and only then, as Prometheus itself evaluates it."""

import json
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from rich.console import Console

from components import monitoring
from components.ownership import Ownership
from lab import toolchain
from lab.recipes import PROMTOOL
from settings import Settings
from settings.monitoring import Monitoring
from settings.storage import Nfs
from tests.accounts import household
from tests.objects import STACK

DAY = 24 * 3600
GIB = 2**30
CLAIM: Final = {"namespace": "immich", "persistentvolumeclaim": "icloud-photos-immich", "node": "talos-1"}
JOB: Final = "icloud-sync-anna-29000000"
Series = dict[str, float]


class Situation(NamedTuple):
    """For so many days, the metrics are these; then these alerts fire, of these accounts, and no other."""

    days: int
    series: Series
    fires: Collection[tuple[str, str]] = ()


def cron_job(metric: str) -> str:
    return f'kube_cronjob_{metric}{{namespace="photo-sync", cronjob="icloud-sync-anna", instance="ksm"}}'


def job(of: str = "icloud-sync-anna", *, began: float, failed: bool = True, name: str = JOB) -> Series:
    labels = f'namespace="photo-sync", job_name="{name}", instance="ksm"'
    return {
        f'kube_job_owner{{{labels}, owner_kind="CronJob", owner_name="{of}", owner_is_controller="true"}}': 1,
        f"kube_job_status_start_time{{{labels}}}": began,
        f'kube_job_failed{{{labels}, condition="true"}}': int(failed),
        f'kube_job_failed{{{labels}, condition="false"}}': int(not failed),
    }


def space(free: float, all_of_it: float, **other: str) -> Series:
    of = "{" + ", ".join(f'{name}="{value}"' for name, value in (CLAIM | other).items()) + "}"
    return {f"kubelet_volume_stats_available_bytes{of}": free, f"kubelet_volume_stats_capacity_bytes{of}": all_of_it}


CREATED: Final[Series] = {cron_job("created"): 0, cron_job("status_active"): 0}
SUCCEEDED, OVERDUE, FAILED, FULL = (
    cron_job("status_last_successful_time"),
    ("ICloudSyncOverdue", "anna"),
    ("ICloudSyncFailed", "anna"),
    ("ICloudPhotosNearlyFull", ""),
)


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The program; the first time, it is built."""
    return toolchain.find([PROMTOOL], Console(stderr=True))["promtool"]


def watched(*accounts: str, min_free_space: str | None = None) -> Settings:
    made = household(*({"name": name} for name in accounts), minFreeSpace=min_free_space or "10Gi")
    nfs = Nfs(kind="nfs", server="nas.lan", path="/photos")
    return made.model_copy(update={"monitoring": Monitoring(), "storage": nfs})


def judged(promtool: Path, place: Path, settings: Settings, situation: Situation) -> str:
    """Have promtool evaluate the alerts; what it objects to."""
    spec = monitoring.manifests(settings, Ownership(STACK))["monitoring-rules"]["spec"]
    (place / "rules.yaml").write_text(json.dumps(spec))
    expected: dict[str, list[dict[str, Any]]] = {}
    for rule in (rule for group in spec["groups"] for rule in group["rules"]):
        account = rule["labels"].get("account", "")
        of_series = {
            "ICloudSyncOverdue": {"namespace": "photo-sync", "cronjob": f"icloud-sync-{account}"},
            "ICloudPhotosNearlyFull": CLAIM,
        }.get(rule["alert"], {})
        one = {"exp_labels": {**rule["labels"], **of_series}, "exp_annotations": rule["annotations"]}
        expected.setdefault(rule["alert"], []).extend([one] if (rule["alert"], account) in situation.fires else [])
    at = f"{situation.days * 24}h"
    test = {
        "interval": "1h",
        "input_series": [
            {"series": name, "values": f"{value:.0f}x{situation.days * 24}"} for name, value in situation.series.items()
        ],
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": alerts} for name, alerts in expected.items()
        ],
    }
    asked = {"rule_files": ["rules.yaml"], "evaluation_interval": "1h", "tests": [test]}
    (place / "test.yaml").write_text(yaml.safe_dump(asked))
    said = ""
    for words in (["check", "rules", "--lint-fatal", "rules.yaml"], ["test", "rules", "test.yaml"]):
        done = subprocess.run([promtool, *words], cwd=place, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr if done.returncode else ""
    return said


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(Situation(100, {}), id="no-metrics"),
        pytest.param(Situation(33, {**CREATED, SUCCEEDED: 2 * DAY}), id="in-time"),
        pytest.param(Situation(33, {**CREATED, SUCCEEDED: DAY / 2}, {OVERDUE}), id="last-success-too-old"),
        pytest.param(Situation(31, CREATED), id="new"),
        pytest.param(Situation(33, CREATED, {OVERDUE}), id="never-succeeded"),
        pytest.param(Situation(33, CREATED | {cron_job("status_active"): 1}), id="first-import-takes-days"),
        pytest.param(Situation(9, {**CREATED, SUCCEEDED: 2 * DAY, **job(began=8 * DAY)}, {FAILED}), id="failed"),
        pytest.param(Situation(9, {**CREATED, **job(began=8 * DAY)}, {FAILED}), id="failed-the-first-time"),
        pytest.param(Situation(9, {**CREATED, SUCCEEDED: 8 * DAY, **job(began=7 * DAY)}), id="succeeded-since"),
        pytest.param(Situation(9, {**CREATED, SUCCEEDED: 2 * DAY, **job(began=8 * DAY, failed=False)}), id="succeeds"),
        pytest.param(Situation(9, CREATED | job(began=8 * DAY, of="icloud-list-anna")), id="another-job-failed"),
        # The account `anna-manual`, whose Job has the name that one of anna's by hand could have.
        pytest.param(
            Situation(
                9,
                CREATED | job("icloud-sync-anna-manual", began=8 * DAY, name="icloud-sync-anna-manual-29000000"),
                {("ICloudSyncFailed", "anna-manual")},
            ),
            id="another-accounts-failed",
        ),
        pytest.param(Situation(1, space(99 * GIB, 1000 * GIB), {FULL}), id="less-than-a-tenth"),
        pytest.param(Situation(1, space(101 * GIB, 1000 * GIB)), id="more-than-a-tenth"),
        pytest.param(Situation(1, space(19 * GIB, 100 * GIB), {FULL}), id="near-the-floor-of-the-sync"),
        pytest.param(Situation(1, space(1, 1000, namespace="other")), id="another-claim"),
    ],
)
def test_what_fires(promtool: Path, tmp_path: Path, situation: Situation) -> None:
    assert not judged(promtool, tmp_path, watched("anna", "anna-manual"), situation)


def test_a_floor_in_per_cent_is_announced_before_it_is_reached(promtool: Path, tmp_path: Path) -> None:
    settings = watched("anna", min_free_space="30%")
    assert not judged(promtool, tmp_path, settings, Situation(1, space(34, 100), {FULL}))
    assert not judged(promtool, tmp_path, settings, Situation(1, space(36, 100)))
