"""All settings of one start, in groups. Each part of the service is given its own group only."""

from __future__ import annotations

from dataclasses import dataclass, field

from otel_calico.config.calico import DatastoreSettings, EtcdSettings, KubernetesSettings, NodeSettings
from otel_calico.config.ebpf import EbpfSettings
from otel_calico.config.iptables import IptablesSettings
from otel_calico.config.metrics import MetricsSettings
from otel_calico.config.option import options_of
from otel_calico.config.telemetry import (
    LogSettings,
    OtlpSettings,
    PrometheusSettings,
    TelemetrySettings,
)
from otel_calico.config.web import WebSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """What `load` returns: checked, with everything automatic decided. Sections are those of the YAML file."""

    node: NodeSettings = field(default_factory=NodeSettings)
    datastore: DatastoreSettings = field(default_factory=DatastoreSettings)
    etcd: EtcdSettings = field(default_factory=EtcdSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    iptables: IptablesSettings = field(default_factory=IptablesSettings)
    ebpf: EbpfSettings = field(default_factory=EbpfSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    prometheus: PrometheusSettings = field(default_factory=PrometheusSettings)
    web: WebSettings = field(default_factory=WebSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    otlp: OtlpSettings = field(default_factory=OtlpSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def is_saved(self) -> bool:
        """True if what is read is a node's saved rules or maps, and not this node's."""
        return bool(self.iptables.ruleset_file or self.ebpf.state_directory)


OPTIONS = options_of(Settings)
"""The table of settings, in the order of the reference page."""
