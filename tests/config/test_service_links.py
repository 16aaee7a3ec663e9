"""Kubernetes gives each pod variables for the Services of its namespace, some of them named like ours."""

from __future__ import annotations

from otel_calico.config import load


def test_variables_that_kubernetes_makes_for_services_are_no_settings() -> None:
    links = {
        "METRICS_SERVER_PORT": "tcp://10.96.0.7:443",
        "OTEL_CALICO_PORT": "tcp://10.96.0.8:9009",
        "OTEL_CALICO_PORT_9009_TCP": "tcp://10.96.0.8:9009",
        "OTEL_CALICO_PORT_9009_TCP_ADDR": "10.96.0.8",
        "OTEL_CALICO_SERVICE_HOST": "10.96.0.8",
        "OTEL_CALICO_SERVICE_PORT": "9009",
        "OTEL_CALICO_SERVICE_PORT_METRICS": "9009",
        "OTEL_CALICO_PROMETHEUS_PORT": "tcp://10.96.0.9:9009",
    }
    assert load(links).prometheus.port == 9009
