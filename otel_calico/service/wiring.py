"""Builds the parts from the settings: ruleset source, datastore, protection of the HTTP server, exporters.

Each package has settings of its own and knows nothing of `config`: here they are translated.
"""

from __future__ import annotations

from pathlib import Path

from otel_calico.accounting.cardinality import CardinalityChoice
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.attribution.workload_family import ExtraAttributes
from otel_calico.attribution.workloads import WorkloadFilter
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Table
from otel_calico.config import IptablesSettings, MetricsSettings, Settings, WebSettings
from otel_calico.datastores.datastore import Datastore, NoDatastore
from otel_calico.datastores.watched_kinds import PolicyWatch
from otel_calico.scanning.collector import Scanner
from otel_calico.scanning.dataplane_scanner import DataplaneScanner
from otel_calico.scanning.ebpf_scanner import EbpfScanner
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.sources.backends import Backend
from otel_calico.sources.command import Limits
from otel_calico.sources.ebpf import EbpfNode
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from otel_calico.sources.kernel import KernelSettings, KernelSource
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.ruleset_file import FileSource
from otel_calico.sources.ruleset_source import RulesetSource
from otel_calico.telemetry.export_settings import Exporter, ExportSettings, Naming, Protocol, Temporality
from otel_calico.web.config_file import WebConfigError
from otel_calico.web.protection import ProtectionFile

_BESIDE_READING = 4.0
"""Seconds that a request may take beside the reads of a scan that takes as long as it may."""


class StartError(Exception):
    """The service cannot start. The message says why and what to do."""


def build_source(settings: IptablesSettings, lookups: Lookups) -> RulesetSource:
    """The kernel's rulesets, or a saved one."""
    backends = felix_backends(settings)
    if settings.ruleset_file:
        return FileSource(settings.ruleset_file, [backend.value for backend in backends], lookups.interfaces)
    return KernelSource(
        KernelSettings(
            backends=backends,
            lock=XtablesLock(Path(settings.lock_file), settings.lock_wait),
            limits=Limits(settings.time_limit),
            netlink=settings.nftables_reader == "netlink",
            tables=[Table(name) for name in settings.tables],
        ),
        endpoints=lookups.interfaces,
    )


def build_scanner(settings: Settings, lookups: Lookups, scan: ScanSettings) -> Scanner:
    """What scans the node, or what was saved of one."""
    if settings.ebpf.state_directory:
        return EbpfScanner(EbpfStateDirectory(settings.ebpf.state_directory), lookups, scan)
    rulesets = NodeScanner(build_source(settings.iptables, lookups), lookups, scan)
    if settings.is_saved:
        return rulesets
    return DataplaneScanner(rulesets, EbpfScanner(EbpfNode(), lookups, scan))


def felix_backends(settings: IptablesSettings) -> list[Backend]:
    """Where Felix may write, as far as its settings say."""
    if settings.nftables_mode == "Enabled" or settings.backend == "nftables":
        return [Backend.NFTABLES]
    iptables = [Backend.NFT, Backend.LEGACY] if settings.backend == "auto" else [Backend(settings.backend)]
    return iptables if settings.nftables_mode == "Disabled" else [Backend.NFTABLES, *iptables]


def build_datastore(settings: Settings, lookups: Lookups) -> Datastore:
    """The datastore that fills the lookups. Raises StartError if the settings cannot work."""
    node = settings.node
    if settings.datastore.type == "file":
        from otel_calico.datastores.file_datastore import FileDatastore  # noqa: PLC0415 - no other datastore needs YAML, 1 MB

        node_name = None if settings.is_saved else node.name
        return FileDatastore(settings.datastore.file, node_name, node.interface_prefix, lookups)
    if settings.datastore.type == "etcdv3":
        return _etcd(settings, lookups)
    if settings.is_saved and not settings.kubernetes.names_a_server:
        return NoDatastore()
    return _kubernetes(settings, lookups)


def _etcd(settings: Settings, lookups: Lookups) -> Datastore:
    from otel_calico.datastores.etcd.etcd_access import EtcdAccess  # noqa: PLC0415 - not needed in other modes
    from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore  # noqa: PLC0415 - gRPC takes 20 MB

    given = settings.etcd
    if given.discovery_srv and not given.endpoints:
        raise StartError("ETCD_DISCOVERY_SRV is not supported: name the servers in ETCD_ENDPOINTS")
    access = EtcdAccess(
        endpoints=given.endpoints,
        username=given.username,
        password=given.password,
        ca_cert_file=given.ca_cert_file,
        cert_file=given.cert_file,
        key_file=given.key_file,
        ca_cert=given.ca_cert,
        cert=given.cert,
        key=given.key,
    )
    try:
        return EtcdDatastore(
            access,
            settings.node.name,
            settings.node.interface_prefix,
            lookups,
            policies=PolicyWatch(settings.datastore.policies),
            host_endpoints="workload" in settings.metrics.families,
        )
    except ValueError as error:
        raise StartError(str(error)) from error


def _kubernetes(settings: Settings, lookups: Lookups) -> Datastore:
    from otel_calico.datastores.kubernetes import (  # noqa: PLC0415 - not needed in etcd mode
        api_access,
        api_client,
        api_resources,
        kubeconfig,
        kubernetes_datastore,
    )

    given = settings.kubernetes
    overrides = api_access.ApiAccess(
        server=given.api_endpoint,
        ca_file=given.ca_file,
        cert_file=given.cert_file,
        key_file=given.key_file,
        token_file=given.token_file,
        token=given.api_token,
        insecure=given.insecure_skip_tls_verify,
        looked_for=given.looked_for,
    )
    try:
        base = api_access.ApiAccess()
        if given.kubeconfig_inline:
            base = kubeconfig.access_from_text(given.kubeconfig_inline, given.current_context)
        elif given.kubeconfig:
            base = kubeconfig.access_from_files(given.kubeconfig, given.current_context)
        return kubernetes_datastore.KubernetesDatastore(
            base.overridden(overrides),
            settings.node.name,
            settings.node.interface_prefix,
            lookups,
            native=given.api_group.startswith(api_resources.NATIVE_GROUP) if given.api_group else None,
            policies=PolicyWatch(settings.datastore.policies),
            host_endpoints="workload" in settings.metrics.families,
            limits=api_client.ClientLimits(queries_per_second=given.client_qps, burst=given.client_burst),
        )
    except ValueError as error:
        raise StartError(str(error)) from error


def build_protection(settings: WebSettings) -> ProtectionFile | None:
    """What guards the HTTP server. Raises StartError with everything that is wrong in its file."""
    if not settings.config_file:
        return None
    try:
        return ProtectionFile(Path(settings.config_file))
    except WebConfigError as error:
        raise StartError(str(error)) from error


def scan_settings(settings: MetricsSettings) -> ScanSettings:
    """What a scan looks for."""
    extra = ExtraAttributes(settings.workload_owner, settings.workload_pod_labels)
    workloads = WorkloadFilter(settings.include_namespaces, settings.exclude_namespaces, settings.pod_selector)
    return ScanSettings(
        SeriesChoice(settings.families, settings.app_labels, extra, workloads),
        settings.minimum_counter,
        CardinalityChoice(settings.omit_zero_series, settings.series_limit),
    )


def export_settings(settings: Settings) -> ExportSettings:
    """What is exported, and where to."""
    telemetry, otlp = settings.telemetry, settings.otlp
    exporters = [] if telemetry.disabled else [name for name in telemetry.exporters if name != "none"]
    return ExportSettings(
        node_name=settings.node.name,
        exporters=frozenset(map(Exporter, exporters)),
        service_name=telemetry.service_name,
        resource_attributes=dict(telemetry.resource_attributes),
        otlp_protocol=Protocol(otlp.protocol or "http/protobuf"),
        otlp_endpoint=otlp.metrics_url if otlp.endpoint else "",
        temporality=Temporality(otlp.temporality),
        push_interval=otlp.interval,
        push_timeout=otlp.timeout,
        otlp_timeout=otlp.request_timeout,
        naming=Naming.OPENTELEMETRY if settings.prometheus.naming == "opentelemetry" else Naming.CALICO,
        listen_address=settings.prometheus.address,
        listen_port=settings.prometheus.port,
        request_seconds=settings.iptables.time_limit + _BESIDE_READING,
    )
