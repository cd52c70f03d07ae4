"""What Prometheus and Grafana are given, on Pulumi's mocks; `tests/promtool` has the alerts evaluated."""

import json
from typing import Any

import pytest

from clients.kubernetes import Ref
from components import monitoring
from components.names import names
from components.ownership import Ownership
from components.plan import Found
from observe.cluster import ClusterSeen
from preflight import missing_rules
from settings import Settings
from settings.monitoring import Monitoring
from settings.storage import Nfs
from tests.accounts import household
from tests.findings import Told, told
from tests.objects import SERVERS, STACK, deployment, namespace, service
from tests.unit.configured import configured
from tests.unit.recording import deployed


def watched(*accounts: str, **stated: Any) -> Settings:
    made = household(*({"name": name} for name in accounts))
    return made.model_copy(update={"monitoring": Monitoring.model_validate(stated)})


def test_without_the_setting_there_is_none_of_it() -> None:
    stack = deployed(household(), Found(SERVERS))
    assert not stack.all("PrometheusRule")
    assert not [one for one in stack.all("ConfigMap") if "dashboard" in one.inputs["metadata"]["name"]]


def test_what_is_deployed_has_the_labels_by_which_it_is_found() -> None:
    stack = deployed(watched("anna", ruleLabels={"release": "prom"}, dashboardLabels={}), Found(SERVERS))
    rules, dashboard = stack.one("PrometheusRule"), stack.one("ConfigMap", monitoring.DASHBOARD)
    assert (rules.inputs["metadata"]["labels"], dashboard.inputs["metadata"]["labels"]) == ({"release": "prom"}, {})
    assert {made.inputs["metadata"]["namespace"] for made in (rules, dashboard)} == {"photo-sync"}


def test_an_object_of_that_name_is_looked_for() -> None:
    found = set(names(watched("anna")))
    assert {Ref(monitoring.API, "PrometheusRule", "icloud-sync", "photo-sync")} <= found
    assert not set(monitoring.names(household()))


@pytest.mark.parametrize(("alerts", "expected"), [(False, [("no-prometheus-operator", "monitoring")]), (True, [])])
def test_a_cluster_without_the_operator_is_reported_at_preview(*, alerts: bool, expected: list[Told]) -> None:
    there = ClusterSeen(
        namespace(),
        (deployment(),),
        (service(3001),),
        None,
        None,
        nodes=("talos-1",),
        volume_classes=None,
        alerts=alerts,
    )
    assert told(missing_rules.in_cluster(watched("anna"), there)) == expected
    without = configured(monitoring={})
    assert not told(missing_rules.in_cluster(without, there)), "rules are only of accounts"
    assert not told(missing_rules.in_cluster(household(), there))


def test_each_panel_of_the_dashboard_asks_for_this_stacks_syncs() -> None:
    made = monitoring.manifests(watched("anna", "ben"), Ownership(STACK))["monitoring-dashboard"]["data"]
    (text,) = made.values()
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        (target,) = panel["targets"]
        assert 'namespace="photo-sync"' in target["expr"]


def test_a_volume_that_the_kubelet_does_not_measure_has_no_alert() -> None:
    def alerts(settings: Settings) -> list[str]:
        (group,) = monitoring.manifests(settings, Ownership(STACK))["monitoring-rules"]["spec"]["groups"]
        return [rule["alert"] for rule in group["rules"]]

    nfs = Nfs(kind="nfs", server="nas.lan", path="/photos")
    of_the_sync = ["ICloudSyncOverdue", "ICloudSyncFailed"]
    assert alerts(watched("anna")) == of_the_sync
    assert alerts(watched("anna").model_copy(update={"storage": nfs})) == [*of_the_sync, "ICloudPhotosNearlyFull"]
