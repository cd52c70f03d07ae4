"""The alerts, evaluated by the real promtool: `make test-alerts`."""
