"""The totals at the end against the packets that were sent: on the page, in Prometheus, at the OTLP collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from endurance.soak.course import Row
from endurance.soak.population import ERA, Population
from tests.end_to_end.cluster import CLIENT, WEB
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected, filled
from tests.node.otlp_collector import OtlpCollector
from tests.node.programs import wait_until
from tests.node.prometheus import Prometheus
from tests.node.service import Labels, Metrics, Service

_OF_WORKLOADS, _OF_POLICIES = POLICY_METRICS[:3], POLICY_METRICS[3:]
_OTLP_NAMES = {
    "calico_policy_packets_total": "calico.policy.packets",
    "calico_policy_bytes_total": "calico.policy.bytes",
}
_STAYING = {WEB.pod, CLIENT.pod}


@dataclass(frozen=True, slots=True)
class Books:
    """What was sent in each round: to the pods that stay, and to the visitor."""

    sent: Traffic
    to_visitor: Traffic

    def rows(
        self, service: Service, prometheus: Prometheus, collector: OtlpCollector, population: Population
    ) -> Iterator[Row]:
        """Compare. Stops the service, so that its last push is seen."""
        truth = self._truth(population.rounds)
        packets = int(sum(truth["calico_policy_packets_total"].values()))
        page = service.scrape()
        yield _equal(f"policies' totals on the page ({packets:,} packets decided)", _staying(page, truth), truth)
        yield _only_living(page, population)
        yield _without_gaps(prometheus)
        yield _equal("the same in Prometheus", _settled(prometheus, truth), _filled(truth))
        code = service.stop()
        yield Row("stop", f"exit {code}", "exit 0", code == 0)
        named = {_OTLP_NAMES[name]: _dotted(truth[name]) for name in _OF_POLICIES}
        arrived = collector.metrics()
        got = {name: {key: v for key, v in arrived.get(name, {}).items() if key in named[name]} for name in named}
        yield _equal("the same at the OTLP collector", got, named)

    def _truth(self, rounds: int) -> Metrics:
        """The pods that stay have their kernel's values; policies count what they decided for visitors too."""
        nothing = self.sent.times(0)
        stayed, all_of_it = self.sent.times(rounds), (self.sent + self.to_visitor).times(rounds)
        of_workloads = expected(ERA, {4: stayed, 6: nothing}, {4: stayed, 6: nothing})
        of_policies = expected(ERA, {4: all_of_it, 6: nothing}, {4: all_of_it, 6: nothing})
        return {name: of_workloads[name] for name in _OF_WORKLOADS} | {name: of_policies[name] for name in _OF_POLICIES}


def _staying(page: Metrics, truth: Metrics) -> Metrics:
    return {name: {key: value for key, value in page[name].items() if key in truth[name]} for name in truth}


def _only_living(page: Metrics, population: Population) -> Row:
    living = _STAYING | {pod.pod for pod in (*population.pods, population.visitor)}
    shown = {dict(labels)["pod"] for name in _OF_WORKLOADS for labels in page[name]}
    series = sum(len(page[name]) for name in POLICY_METRICS)
    seen = f"{len(shown)} pods shown, {len(shown - living)} of them dead; {series:,} series"
    return Row("series of pods that are gone", seen, "none", shown <= living)


def _without_gaps(prometheus: Prometheus) -> Row:
    up, falls = (
        _single(prometheus, "min_over_time(up[1d])"),
        _single(prometheus, "sum(resets(calico_policy_packets_total[1d]))"),
    )
    scrapes = _single(prometheus, "count_over_time(up[1d])")
    seen = f"{scrapes:,.0f} scrapes, {'none' if up == 1 else 'some'} failed, {falls:.0f} totals fell"
    return Row("Prometheus", seen, "no scrape failed, no total fell", up == 1 and falls == 0)


def _single(prometheus: Prometheus, query: str) -> float:
    return next(iter(prometheus.query(query).values()), float("nan"))


def _settled(prometheus: Prometheus, truth: Metrics) -> Metrics:
    """What Prometheus has once it has scraped after the last packet."""
    wanted, got = _filled(truth), {}

    def same() -> bool:
        stored = {name: _bare(prometheus.query(name)) for name in truth}
        got.update({name: {key: v for key, v in stored[name].items() if key in wanted[name]} for name in truth})
        return got == wanted

    with suppress(TimeoutError):  # told by the comparison
        wait_until(same, "the last scrape", 10)
    return got


def _bare(series: dict[Labels, float]) -> dict[Labels, float]:
    """Without the labels of the target."""
    return {frozenset(pair for pair in key if pair[0] not in {"job", "instance"}): v for key, v in series.items()}


def _filled(metrics: Metrics) -> Metrics:
    return {name: filled(series) for name, series in metrics.items()}


def _dotted(series: dict[Labels, float]) -> dict[Labels, float]:
    return {
        frozenset(
            (name.replace("calico_policy_", "calico.policy.").replace("calico_", "calico.", 1), value)
            for name, value in key
        ): v
        for key, v in series.items()
    }


def _equal(what: str, got: Metrics, truth: Metrics) -> Row:
    wrong = [
        f"{name}{sorted(key)} is {got.get(name, {}).get(key)} instead of {value}"
        for name, series in truth.items()
        for key, value in series.items()
        if got.get(name, {}).get(key) != value
    ]
    count = sum(map(len, truth.values()))
    return Row(
        what, f"{count} series equal" if not wrong else f"{len(wrong)} of {count} wrong: {wrong[0]}", "equal", not wrong
    )
