"""Settings: flags over environment over YAML file over defaults. The only package that reads the environment."""

from otel_calico.config.calico import DatastoreSettings, EtcdSettings, KubernetesSettings, NodeSettings
from otel_calico.config.ebpf import EbpfSettings
from otel_calico.config.iptables import IptablesSettings
from otel_calico.config.load import load, settings_file
from otel_calico.config.metrics import MetricsSettings
from otel_calico.config.problems import ConfigError
from otel_calico.config.settings import OPTIONS, Settings
from otel_calico.config.telemetry import (
    LogSettings,
    OtlpEndpoint,
    OtlpSettings,
    PrometheusSettings,
    TelemetrySettings,
)
from otel_calico.config.web import WebSettings

__all__ = [
    "OPTIONS",
    "ConfigError",
    "DatastoreSettings",
    "EbpfSettings",
    "EtcdSettings",
    "IptablesSettings",
    "KubernetesSettings",
    "LogSettings",
    "MetricsSettings",
    "NodeSettings",
    "OtlpEndpoint",
    "OtlpSettings",
    "PrometheusSettings",
    "Settings",
    "TelemetrySettings",
    "WebSettings",
    "load",
    "settings_file",
]
