"""What watches otel-calico's metrics, as files: dashboards for Grafana, rules for a Prometheus without the operator.

`python -m monitoring` (`make monitoring`) writes all of them anew. The rules stand in charts/otel-calico/rules.yaml.
"""
