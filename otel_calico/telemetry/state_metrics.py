"""The service's own metrics that say how things are. They read the same until something happens."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence

from otel_calico import __version__
from otel_calico.datastores.status import KindStatus
from otel_calico.telemetry.own_metric import OwnMetric, Value, by, one
from otel_calico.telemetry.service_state import ServiceState

State = Callable[[], ServiceState]


def state_metrics(state: State, *, with_web_config: bool) -> Sequence[OwnMetric]:
    """The metrics of what `state` gives, and of nothing else."""
    build = {"version": __version__, "python_version": platform.python_version()}
    metrics = [
        OwnMetric("build.info", "Always 1; its labels say what runs.", lambda: [(1, build)]),
        *_of_scan(state),
        *_of_datastore(state),
    ]
    if with_web_config:
        text = "1 if web.config_file and its certificates hold as they are, 0 if they are broken and the former hold."
        metrics.append(OwnMetric("web.config.in_effect", text, lambda: one(bool(state().web_config_in_effect))))
    return metrics


def _of_scan(state: State) -> Sequence[OwnMetric]:
    return [
        OwnMetric("scan.success", "1 if the scan behind this page was good.", lambda: one(state().success)),
        OwnMetric(
            "scan.unlocked",
            "1 if legacy tables were read without the xtables lock.",
            lambda: one(state().unlocked),
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
        OwnMetric("ruleset.rules", "Rules read.", lambda: by("network.type", state().rules)),
        OwnMetric("ruleset.malformed_lines", "Lines that are no rule.", lambda: one(state().malformed_lines)),
        OwnMetric(
            "interfaces.without_workload",
            "Interfaces in the ruleset that no workload (family workload: nor host endpoint) of the datastore owns.",
            lambda: one(state().interfaces_without_workload),
        ),
        OwnMetric(
            "chains.without_name",
            "Policy chains in the ruleset that neither rules nor datastore name.",
            lambda: one(state().chains_without_name),
        ),
        OwnMetric("series", "Policy series on this page, by metric.", lambda: by("metric", state().series)),
        OwnMetric(
            "series.left_out",
            "Policy series that metrics.series_limit left out, by metric.",
            lambda: [
                (count, {"metric": metric.exposed, "family": metric.family})
                for metric, count in state().left_out.items()
            ],
        ),
    ]


def _of_datastore(state: State) -> Sequence[OwnMetric]:
    def each(name: str, text: str, pick: Callable[[KindStatus], int], *, counter: bool = False) -> OwnMetric:
        def observe() -> Iterable[Value]:
            return by("kind", {kind: int(pick(status)) for kind, status in state().datastore.kinds.items()})

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
