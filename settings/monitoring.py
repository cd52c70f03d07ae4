"""Alerts and a dashboard for those who run Prometheus and Grafana."""

from typing import Annotated, Final

from pydantic import Field

from settings.model import Allowed, Model, together
from settings.route import Key, LabelValue

Labels = Annotated[dict[Key, LabelValue], together(16)]
_OF_RULES: Final = {"release": "kube-prometheus-stack"}
_OF_DASHBOARDS: Final = {"grafana_dashboard": "1"}


class Monitoring(Model):
    """Alerts for the Prometheus operator and a dashboard for Grafana: docs/monitoring.md."""

    rule_labels: Annotated[
        Labels,
        Field(description="Labels of the PrometheusRule, by which the operator selects it (`ruleSelector`)."),
        Allowed("a mapping of labels", _OF_RULES),
    ] = _OF_RULES
    dashboard_labels: Annotated[
        Labels,
        Field(description="Labels of the dashboard's ConfigMap, by which Grafana's sidecar finds it."),
        Allowed("a mapping of labels", _OF_DASHBOARDS),
    ] = _OF_DASHBOARDS
