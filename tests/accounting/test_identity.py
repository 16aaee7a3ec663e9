"""What stays the same object from snapshot to snapshot, and what is forgotten."""

from __future__ import annotations

import gc

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import IPVersion, WorkloadEndpoint
from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_PACKETS
from otel_calico.ruleset.ruleset import Chain, Layout
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.series import LabelKey, SeriesSet, label_key
from otel_calico.snapshot import Snapshot
from tests.attribution.node import WEB, ScannedNode
from tests.felix import Era, render
from tests.felix.example import INTERFACE, example_node
from tests.scanning.test_collector import example_kernel, send


def test_what_did_not_change_is_the_same_object_in_the_next_snapshot() -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    node.start()
    first = node.scan(kernel.dump())
    assert [id(readings) for readings in node.scan(kernel.dump()).readings] == [id(each) for each in first.readings]

    send(kernel, 8080)
    third = node.scan(kernel.dump())
    assert [id(readings.series) for readings in third.readings] == [id(each.series) for each in first.readings]
    changed = {after.series.metric for after in third.readings if after not in first.readings}
    assert {POLICY_ACCEPT, POLICY_PACKETS} < changed
    assert NO_POLICY_DROP not in changed


def test_a_change_elsewhere_leaves_the_other_endpoints_readings_alone() -> None:
    node = ScannedNode(WEB, WorkloadEndpoint("cali2", "default", "web-1"))
    ruleset = render(example_node(Era.E, INTERFACE, "cali2"))
    node.start()
    before = _by_pod(node.scan(ruleset.dump()))
    grown = render(example_node(Era.E, INTERFACE, "cali2", "cali3"))
    node.lookups.put("workloadendpoints", "cali3", WorkloadEndpoint("cali3", "default", "web-2"))

    after = _by_pod(node.scan(grown.dump()))

    assert {pod: after[pod] for pod in before} == before
    assert set(after) - set(before) == {"web-2"}


def test_a_chain_that_takes_over_the_labels_of_one_of_the_first_scan_begins_a_stream_of_its_own() -> None:
    """Another release of Felix names chains in another way; its counters begin at zero."""
    node = ScannedNode(WEB, settings=ScanSettings(SeriesChoice(("rule",))))
    first, second = (_starts(node.scan(render(example_node(era)).dump())) for era in (Era.D, Era.E))
    assert first.keys() == second.keys() != set()
    assert all(first[series] < second[series] for series in first)


def _starts(snapshot: Snapshot) -> dict[tuple[str, LabelKey], int]:
    return {
        (readings.series.metric.name, label_key(labels)): since
        for readings in snapshot.readings
        for labels, since in zip(readings.series.labels, readings.series.since, strict=True)
    }


def _by_pod(snapshot: Snapshot) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for readings in snapshot.readings:
        if readings.series.labels and "pod" in readings.series.labels[0]:
            found.setdefault(readings.series.labels[0]["pod"], []).append(id(readings))
    return found


def test_nothing_of_dead_chains_stays_in_memory() -> None:
    node = ScannedNode(WEB, WorkloadEndpoint("cali-doomed", "default", "doomed"))
    both = render(example_node(Era.D, INTERFACE, "cali-doomed"))
    node.scan(both.dump(dict.fromkeys(both.hashes, (7, 420))))
    assert _remembered("doomed")

    node.lookups.remove("workloadendpoints", "cali-doomed")
    left = render(example_node(Era.D))
    node.scan(left.dump(dict.fromkeys(left.hashes, (7, 420))))
    node.source.dumps[IPVersion.V4] = ""
    del both

    assert _remembered("doomed") == []


def _remembered(word: str) -> list[object]:
    """Objects of the service that still speak of something."""
    gc.collect()
    found: list[object] = []
    for each in gc.get_objects():
        if isinstance(each, SeriesSet):
            found += [labels for labels in each.labels if word in str(labels)]
        elif isinstance(each, Layout) and word in each.name:
            found.append(each.name)
        elif isinstance(each, Chain) and word in each.layout.name:
            found.append(each.layout.name)
        elif type(each) is dict:
            found += [key for key in list(each) if type(key) is str and key.startswith("cali-") and word in key]
    return found
