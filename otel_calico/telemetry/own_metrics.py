"""The service's own metrics: how its scans, its datastore and its exports do. The same wherever they are shown.

Some move with every scan. The others say how things are, and read the same until something happens: a page may keep
what it wrote of them.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence

from otel_calico import __version__
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.scanning.scans import Scans
from otel_calico.telemetry.export_tally import ExportTally
from otel_calico.telemetry.own_metric import OwnMetric, Value, labelled, unlabelled
from otel_calico.telemetry.service_state import SeriesCount, ServiceState, state_of

State = Callable[[], ServiceState]


class OwnMetrics:
    """What there is to show.

    `web_config_in_effect` tells whether the web configuration file as it is now is in effect; None without one.
    """

    def __init__(
        self,
        scans: Scans,
        datastore: Callable[[], DatastoreStatus],
        otlp: Sequence[ExportTally] = (),
        web_config_in_effect: Callable[[], bool] | None = None,
    ) -> None:
        self.scans = scans
        self._datastore = datastore
        self._otlp = otlp
        self._web_config_in_effect = web_config_in_effect
        self._series = SeriesCount()

    def state(self) -> ServiceState:
        """The state behind the snapshot that is shown now."""
        snapshot = self.scans.take()
        in_effect = self._web_config_in_effect() if self._web_config_in_effect else None
        series = self._series.of(snapshot.readings)
        return state_of(snapshot, series, self._datastore(), web_config_in_effect=in_effect)

    def moving(self) -> Sequence[OwnMetric]:
        """What moves with every scan."""
        return [*_scans(self.scans), *_pushes(self._otlp)] if self._otlp else _scans(self.scans)

    def steady(self, state: State) -> Sequence[OwnMetric]:
        """What `state` tells."""
        web_config = [_web_config(state)] if self._web_config_in_effect else []
        return [_build(), *_latest_scan(state), *_datastore(state), *web_config]


def _scans(scans: Scans) -> Sequence[OwnMetric]:
    """They describe the snapshot that the page or the push around them shows."""
    return [
        OwnMetric(
            "scan.last_success.age",
            "Time since the last good scan, or since the start if there was none.",
            lambda: unlabelled(scans.seconds_since_good),
            unit="s",
        ),
        OwnMetric(
            "scans",
            "Scans by result: success, left_out (MINIMUM_COUNTER), failure.",
            lambda: _results(scans),
            counter=True,
        ),
        OwnMetric(
            "ruleset.size",
            "Size of the ruleset read, which is ASCII.",
            lambda: labelled("network.type", scans.take().report.bytes),
            unit="By",
        ),
    ]


def _pushes(otlp: Sequence[ExportTally]) -> Sequence[OwnMetric]:
    return [
        OwnMetric("otlp.exports", "Export requests by result.", lambda: _exports(otlp), counter=True),
        OwnMetric(
            "otlp.points",
            "Values of policy series that a collector took.",
            lambda: unlabelled(sum(tally.points for tally in otlp)),
            counter=True,
        ),
    ]


def _results(scans: Scans) -> Iterator[Value]:
    scans.take()  # the scan behind this page counts too, whoever asks first
    for (result, reason), count in sorted(scans.results.items()):
        yield count, {"result": result, "reason": reason} if reason else {"result": result}


def _exports(otlp: Sequence[ExportTally]) -> Iterable[Value]:
    successes, failures = (sum(tally.successes for tally in otlp), sum(tally.failures for tally in otlp))
    return labelled("result", {"success": successes, "failure": failures})


def _build() -> OwnMetric:
    labels = {"version": __version__, "python_version": platform.python_version()}
    return OwnMetric("build.info", "Always 1; its labels say what runs.", lambda: [(1, labels)])


def _web_config(state: State) -> OwnMetric:
    text = "1 if web.config_file and its certificates hold as they are, 0 if they are broken and the former hold."
    return OwnMetric("web.config.in_effect", text, lambda: unlabelled(bool(state().web_config_in_effect)))


def _latest_scan(state: State) -> Sequence[OwnMetric]:
    return [
        OwnMetric("scan.success", "1 if the scan behind this page was good.", lambda: unlabelled(state().success)),
        OwnMetric(
            "scan.unlocked",
            "1 if legacy tables were read without the xtables lock.",
            lambda: unlabelled(state().unlocked),
        ),
        OwnMetric(
            "backend.info",
            "Always 1; where the rules are read: legacy, nft or nftables.",
            lambda: _named("backend", state().backend),
        ),
        OwnMetric(
            "dataplane.info",
            "Always 1; what Felix decides with: iptables, nftables or ebpf.",
            lambda: _named("dataplane", state().dataplane),
        ),
        OwnMetric("ruleset.rules", "Rules read.", lambda: labelled("network.type", state().rules)),
        OwnMetric(
            "ruleset.unreadable",
            "1 for an IP version whose rules could not be read and are left out.",
            lambda: labelled("network.type", dict.fromkeys(state().unreadable, 1)),
        ),
        OwnMetric("ruleset.malformed_lines", "Lines that are no rule.", lambda: unlabelled(state().malformed_lines)),
        OwnMetric(
            "interfaces.without_workload",
            "Interfaces in the ruleset that no workload (family workload: nor host endpoint) of the datastore owns.",
            lambda: unlabelled(state().interfaces_without_workload),
        ),
        OwnMetric(
            "chains.without_name",
            "Policy chains in the ruleset that neither rules nor datastore name.",
            lambda: unlabelled(state().chains_without_name),
        ),
        OwnMetric("series", "Policy series on this page, by metric.", lambda: labelled("metric", state().series)),
        OwnMetric(
            "series.left_out",
            "Policy series that metrics.series_limit left out, by metric.",
            lambda: [
                (count, {"metric": metric.exposed, "family": metric.family})
                for metric, count in state().left_out.items()
            ],
        ),
    ]


def _datastore(state: State) -> Sequence[OwnMetric]:
    def each(name: str, text: str, pick: Callable[[KindStatus], int], *, counter: bool = False) -> OwnMetric:
        def observe() -> Iterable[Value]:
            return labelled("kind", {kind: int(pick(status)) for kind, status in state().datastore.kinds.items()})

        return OwnMetric(f"datastore.{name}", text, observe, counter=counter)

    return [
        each("in_sync", "1 if the kind was listed at least once.", lambda kind: kind.in_sync),
        each("connected", "1 if the kind is being watched.", lambda kind: kind.connected),
        each("resources", "Resources held.", lambda kind: kind.held),
        each("errors", "Errors of listing and watching.", lambda kind: kind.errors, counter=True),
        each(
            "reconnects",
            "Times a kind was watched again after it was not.",
            lambda kind: kind.reconnects,
            counter=True,
        ),
        each(
            "decode_failures",
            "Resources that could not be understood.",
            lambda kind: kind.decode_failures,
            counter=True,
        ),
    ]


def _named(label: str, name: str) -> Iterable[Value]:
    return [(1, {label: name})] if name else ()
