"""Declares the service's own metrics: scans, datastore, exports. All exporters show the same."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence

from otel_calico import __version__
from otel_calico.datastores.status import KindStatus
from otel_calico.failed_parts import ScanPart
from otel_calico.metrics import Metric
from otel_calico.series import Readings
from otel_calico.snapshot import EbpfReport, ScanReport
from otel_calico.telemetry.own_metric import OwnMetric, Value
from otel_calico.telemetry.service_state import ServiceState


def _one(value: float) -> Iterable[Value]:
    return [(int(value) if isinstance(value, bool) else value, {})]


def _each(attribute: str, values: Mapping[str, float]) -> Iterable[Value]:
    return [(value, {attribute: key}) for key, value in values.items()]


def _info(attribute: str, name: str) -> Iterable[Value]:
    return [(1, {attribute: name})] if name else ()


def _backend(state: ServiceState) -> Iterable[Value]:
    report = state.snapshot.report
    reader = {"reader": report.reader} if report.reader else {}
    return [(1, {"backend": report.backend} | reader)] if report.backend else ()


def _results(state: ServiceState) -> Iterable[Value]:
    for (result, reason), count in sorted(state.scans.items()):
        yield count, {"result": result, "reason": reason} if reason else {"result": result}


def _former_backends(state: ServiceState) -> Iterable[Value]:
    told = state.snapshot.report.in_force
    return [(1, {"backend": backend}) for backend in told.former] if told else ()


def _exports(state: ServiceState) -> Iterable[Value]:
    if not state.exports:
        return ()
    successes, failures = (sum(one.successes for one in state.exports), sum(one.failures for one in state.exports))
    return _each("result", {"success": successes, "failure": failures})


def _points(state: ServiceState) -> Iterable[Value]:
    return _one(sum(one.points for one in state.exports)) if state.exports else ()


def _series(readings: Sequence[Readings]) -> Mapping[str, int]:
    """Numbers of series, by metric as it is called at `/metrics`."""
    counts: dict[Metric, int] = {}
    for one in readings:  # about a thousand
        series = one.series
        counts[series.metric] = counts.get(series.metric, 0) + len(series.since)  # one for each series
    return {metric.exposed: count for metric, count in counts.items()}


def _left_out(state: ServiceState) -> Iterable[Value]:
    left_out = state.snapshot.report.series_left_out
    return [(count, {"metric": metric.exposed, "family": metric.family}) for metric, count in left_out.items()]


def _report(name: str, text: str, value: Callable[[ScanReport], float]) -> OwnMetric:
    return OwnMetric(name, text, lambda state: _one(value(state.snapshot.report)))


def _ebpf(name: str, text: str, value: Callable[[EbpfReport], float]) -> OwnMetric:
    """Of nodes with the eBPF dataplane alone."""

    def observe(state: ServiceState) -> Iterable[Value]:
        report = state.snapshot.report.ebpf
        return _one(value(report)) if report else ()

    return OwnMetric(f"ebpf.{name}", text, observe)


def _datastore(name: str, text: str, pick: Callable[[KindStatus], int], *, counter: bool = False) -> OwnMetric:
    def observe(state: ServiceState) -> Iterable[Value]:
        return _each("kind", {kind: int(pick(status)) for kind, status in state.datastore.kinds.items()})

    return OwnMetric(f"datastore.{name}", text, observe, counter=counter)


_BUILD = {"version": __version__, "python_version": platform.python_version()}

OWN_METRICS = (
    OwnMetric("build.info", "Always 1; its labels say what runs.", lambda _: [(1, _BUILD)]),
    OwnMetric(
        "scan.success",
        "1 if the scan behind this page was good.",
        lambda state: _one(state.snapshot.failure is None),
    ),
    _report("scan.unlocked", "1 if legacy tables were read without the xtables lock.", lambda report: report.unlocked),
    OwnMetric(
        "scan.last_success.age",
        "Time since the last good scan, or since the start if there was none.",
        lambda state: _one(state.seconds_since_good),
        unit="s",
    ),
    OwnMetric(
        "scans",
        "Scans by result: success, left_out (MINIMUM_COUNTER), failure.",
        _results,
        counter=True,
    ),
    OwnMetric(
        "scan.failed_parts",
        "Chains and families that a scan left out because of a fault of otel-calico's own; see the log.",
        lambda state: _each("part", {part.value: state.failed_parts.get(part, 0) for part in ScanPart}),
        counter=True,
    ),
    OwnMetric(
        "backend.info",
        "Always 1; where the rules are read: legacy, nft or nftables, or bpf where there are none.",
        _backend,
    ),
    OwnMetric(
        "former_backend.info",
        "Always 1; where rules that Felix left behind when it changed its backend are still in force.",
        _former_backends,
    ),
    OwnMetric(
        "dataplane.info",
        "Always 1; what Felix decides with: iptables, nftables or ebpf.",
        lambda state: _info("dataplane", state.snapshot.report.dataplane),
    ),
    OwnMetric(
        "ruleset.rules",
        "Rules read.",
        lambda state: _each("network.type", state.snapshot.report.rules),
    ),
    OwnMetric(
        "ruleset.size",
        "Size of the ruleset read, which is ASCII.",
        lambda state: _each("network.type", state.snapshot.report.bytes),
        unit="By",
    ),
    OwnMetric(
        "ruleset.unreadable",
        "1 for an IP version whose rules could not be read and are left out.",
        lambda state: _each("network.type", dict.fromkeys(state.snapshot.report.unreadable, 1)),
    ),
    _report("ruleset.malformed_lines", "Lines that are no rule.", lambda report: report.malformed_lines),
    _report(
        "ruleset.missing_chains",
        "Chains that rules jump to and that the dump does not have.",
        lambda report: len(report.missing_chains),
    ),
    _report(
        "ruleset.contradicted_tiers",
        "Tiers whose first rule has the comment of another tier, as Felix v3.29 leaves it in native nftables.",
        lambda report: len(report.contradicted_tiers),
    ),
    _report(
        "interfaces.without_workload",
        "Interfaces in the ruleset that no workload (family workload: nor host endpoint) of the datastore owns.",
        lambda report: len(report.interfaces_without_workload),
    ),
    _report(
        "workloads.without_chains",
        "Workloads of this node in the datastore for which Felix has written no chains: their packets are dropped.",
        lambda report: len(report.workloads_without_chains),
    ),
    _report(
        "chains.without_name",
        "Policy chains in the ruleset that neither rules nor datastore name.",
        lambda report: len(report.chains_without_name),
    ),
    _ebpf(
        "rule_counters",
        "Rules that have counted since Felix started; the map is full at otel_calico_ebpf_rule_counters_limit.",
        lambda report: report.entries,
    ),
    _ebpf("rule_counters.limit", "Rules that Felix's map can count; 0 if unknown.", lambda report: report.capacity),
    _ebpf("unknown_ids", "Rules that count and that nobody can name.", lambda report: report.unknown_ids),
    _ebpf(
        "incomplete_debug_files",
        "Debug files of Felix that could not be understood.",
        lambda report: report.incomplete_files,
    ),
    _ebpf(
        "debug_files.readable",
        "0 if Felix's debug files are not there or cannot be read: then policies are not told, or in part.",
        lambda report: report.debug_files == "read",
    ),
    OwnMetric(
        "series",
        "Policy series on this page, by metric.",
        lambda state: _each("metric", _series(state.snapshot.readings)),
    ),
    OwnMetric(
        "series.left_out",
        "Policy series that metrics.series_limit left out, by metric.",
        _left_out,
    ),
    _datastore("in_sync", "1 if the kind was listed at least once.", lambda kind: kind.in_sync),
    _datastore("connected", "1 if the kind is being watched.", lambda kind: kind.connected),
    _datastore("resources", "Resources held.", lambda kind: kind.held),
    _datastore("errors", "Errors of listing and watching.", lambda kind: kind.errors, counter=True),
    _datastore(
        "reconnects", "Times a kind was watched again after it was not.", lambda kind: kind.reconnects, counter=True
    ),
    _datastore(
        "decode_failures", "Resources that could not be understood.", lambda kind: kind.decode_failures, counter=True
    ),
    OwnMetric(
        "web.config.in_effect",
        "1 if web.config_file and its certificates hold as they are, 0 if they are broken and the former hold.",
        lambda state: () if state.web_config_in_effect is None else _one(state.web_config_in_effect),
    ),
    OwnMetric("otlp.exports", "Export requests by result.", _exports, counter=True),
    OwnMetric("otlp.points", "Values of policy series that a collector took.", _points, counter=True),
)
