"""The product as it watches one node, from the text of the rules to the page, `report` and `explain`; its promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import msgspec
from opentelemetry.sdk.resources import Resource
from prometheus_client.parser import text_string_to_metric_families

from otel_calico.accounting.cardinality import CardinalityChoice
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.check.rules import check_names, check_rules
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.explain.conclusion import conclusion
from otel_calico.explain.find import find
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.policy_uses import uses_of
from otel_calico.failed_parts import ScanPart
from otel_calico.metrics import FAMILIES, POLICY_PACKETS, SINCE_START, Metric
from otel_calico.node_page.shown import Shown
from otel_calico.node_page.templates import Templates
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.metrics_page import MetricsPage
from otel_calico.prometheus.service_exposition import ServiceExposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.readiness import readiness
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner, ScanSettings
from otel_calico.scanning.scan import Scan
from otel_calico.series import LabelKey, label_key
from otel_calico.snapshot import FAILURE_KINDS, Snapshot
from otel_calico.sources.ruleset_source import Dump
from otel_calico.telemetry.service_state import ServiceStatus
from otel_calico.terminal.explanation import path_lines, policy_lines, use_line
from otel_calico.terminal.rows import Selection, report_rows, unused_policies
from otel_calico.terminal.table import report_table, unused_table
from otel_calico.web.message import Request
from tests.attribution.node import check
from tests.damage.histories import Look, Node
from tests.sources.memory import MemorySource

NAMED = FAILURE_KINDS.keys() - {"internal_error"}
_Key = tuple[Metric, LabelKey, int]
"""A metric, its labels, and since when a kernel's value is followed."""
_EVERY = 5
"""One policy of so many is explained."""


class _Source(MemorySource):
    """Shows the reads of one look; the last again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = ""
        self.looks: list[Sequence[Dump]] = []

    def read(self) -> Sequence[Dump]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class Product:
    """Watches a node with every family on."""

    def __init__(self, node: Node, cardinality: CardinalityChoice | None = None) -> None:
        self._node = node
        self._source = _Source()
        self.lookups = Lookups()
        for kind, held in node.resources.items():
            self.lookups.replace(kind, held)
        settings = ScanSettings(SeriesChoice(FAMILIES), cardinality=cardinality or CardinalityChoice())
        self._collector = Collector(NodeScanner(self._source, self.lookups, settings), freshness=0.0)
        service = ServiceExposition(Resource.get_empty())
        self._page = MetricsPage(self._collector, Exposition(), service, ServiceStatus(self._collector.tally))
        self._former: Scan | None = None
        self._values: Mapping[_Key, int] = {}
        self._begins_anew = True

    def look(self, look: Look) -> Scan:
        """Scan and show all there is to show. Raises AssertionError where a promise is broken."""
        for kind, key in look.gone:
            self.lookups.remove(kind, key)
        for kind, key in look.known:
            self.lookups.put(kind, key, self._node.resources[kind][key])
        first = any(dump.first_look for read in look.reads for dump in read)
        self._begins_anew |= first or self._source.backend != look.backend
        self._source.looks, self._source.unlocked, self._source.backend = list(look.reads), look.unlocked, look.backend
        page = self._page.render(TextFormat.PROMETHEUS).decode()
        scan = self._collector.latest
        assert scan is not None
        snapshot = scan.snapshot
        assert snapshot.failure is None or snapshot.failure.kind in NAMED, snapshot.failure
        assert snapshot.report.failed_parts == (), "".join(snapshot.report.failed_parts[0].error.format())
        check(snapshot)
        self._check_values(scan)
        _check_page(page, snapshot)
        self._explain(scan)
        self._former = scan if snapshot.failure is None else self._former
        return scan

    def _check_values(self, scan: Scan) -> None:
        """What the last good scan showed is not lower now; a kernel's value with what resets took of it. No policy has
        gained more than its rules count.
        """
        if scan.snapshot.failure is None:
            former, self._values = self._values, dict(_values(scan.snapshot))
            gained = {key: value - former.get(key, 0) for key, value in self._values.items()}
            assert self._begins_anew or {key: gain for key, gain in gained.items() if gain < 0} == {}
            most = _counted(scan)
            assert {key: gain for key, gain in gained.items() if gain > most.get(key, gain)} == {}
            self._begins_anew = False

    def _explain(self, scan: Scan) -> None:
        view = NodeView(scan, self.lookups, self._former)
        for path in view.paths():
            assert [*path_lines(path, "12:00:00", view.seconds)]
            assert conclusion(path)
        for policy in view.policies[::_EVERY]:
            assert [*policy_lines(policy, view.seconds)]
            assert all(use_line(policy, use, view.seconds) for use in uses_of(view, policy))
        rows = report_rows(view, Selection())
        assert report_table(rows, view.seconds)
        assert msgspec.json.encode(rows)
        assert unused_table(unused_policies(view, Selection()))
        assert check_rules(scan.snapshot)
        assert scan.snapshot.failure or list(check_names(scan, self.lookups, "node-1"))
        self._show_pages(scan, view)

    def _show_pages(self, scan: Scan, view: NodeView) -> None:
        """The first page and those of one group, endpoint and policy."""
        shown, templates = Shown(self._former, scan, self.lookups), _templates()
        status = DatastoreStatus()
        endpoints, policies = (one.name for one in view.endpoints), (one.name for one in view.policies)
        for names in (view.groups, endpoints, policies):
            name = next(iter(names), "")
            assert find(view, name) is not None
            assert templates.overview(Request("GET", "/", f"q={name}"), shown, status, readiness(status, scan.snapshot))
            assert templates.workload(Request("GET", "/workload", f"name={name}"), shown)
            assert templates.policy(Request("GET", "/policy", f"name={name}"), shown)


def _values(snapshot: Snapshot) -> Iterator[tuple[_Key, int]]:
    """Every counter. A kernel's value with what resets took of it, as a stream that begins with a rule's chain."""
    for readings in snapshot.readings:
        metric = readings.series.metric
        if SINCE_START in metric.help:
            for labels, value in zip(readings.series.labels, readings.values, strict=True):
                yield (metric, label_key(labels), 0), value
        elif not metric.gauge:
            lost = readings.lost or [0] * len(readings.values)
            columns = zip(readings.series.labels, readings.series.since, readings.values, lost, strict=True)
            for labels, since, value, taken in columns:
                yield (metric, label_key(labels), since), value + taken


def _counted(scan: Scan) -> Mapping[_Key, int]:
    """Packets that the rules of each policy count, by the series of family `policy`."""
    found: Counter[_Key] = Counter()
    for one in scan.rulesets:
        for policy in one.plan.policies.values():
            chain = one.ruleset.chains.get(policy.chain)
            for verdict, rule in policy.verdicts.deciding if chain else ():
                labels = {**policy.attributes, "calico.verdict": verdict.value}
                found[POLICY_PACKETS, label_key(labels), 0] += chain.packets([rule])[0] if chain else 0
    return found


def _check_page(page: str, snapshot: Snapshot) -> None:
    """The page can be read, says every series once, and no part that failed alone."""
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert len(samples) == sum(not line.startswith("#") for line in page.splitlines())
    failed = [value for (name, _), value in samples.items() if name == "otel_calico_scan_failed_parts_total"]
    assert failed == [0] * len(ScanPart)
    own = ("otel_calico_", "process_", "target_info")
    assert sum(not name.startswith(own) for name, _ in samples) == sum(len(one.values) for one in snapshot.readings)


@cache
def _templates() -> Templates:
    return Templates("node-1")
