"""OpenTelemetry metrics of Project Calico's policy verdicts on one Kubernetes node."""

__version__ = "0.1.0"
