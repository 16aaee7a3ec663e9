"""Which dumps are believed: counters that fall for a moment are no reset, a dump that is refused leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.metrics import POLICY_ACCEPT, POLICY_PACKETS
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.snapshot import Snapshot
from otel_calico.sources.ruleset_source import Dump
from tests.attribution.node import WEB, ScannedNode, check, page
from tests.felix.example import INTERFACE
from tests.felix.kernel import Kernel
from tests.scanning.test_collector import example_kernel, send
from tests.sources.memory import MemorySource


def test_half_a_table_counts_nothing_twice() -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    node.start()
    node.scan(kernel.dump())
    send(kernel, *[8080] * 7, *[9090] * 3, *[5353] * 2)
    text = kernel.dump()

    for cut in range(0, len(text), 97):
        node.scan(text[:cut])

    assert {line.rpartition(" ")[2] for line in page(node.scan(text), POLICY_PACKETS)} == {"7", "3"}


class RacySource(MemorySource):
    """Legacy tables without the lock: at random moments, never four in a row, all counters are zero."""

    def __init__(self, kernel: Kernel, random: Random) -> None:
        super().__init__()
        self.kernel, self.random = kernel, random
        self.unlocked, self.zeros = True, 0

    def read(self) -> Sequence[Dump]:
        self.reads += 1
        zero = self.zeros < 3 and self.reads > 1 and self.random.random() < 0.3
        self.zeros = self.zeros + 1 if zero else 0
        return [Dump(IPVersion.V4, self.kernel.ruleset.dump() if zero else self.kernel.dump())]


@pytest.mark.parametrize("seed", range(10))
def test_counters_read_in_a_moment_without_any_are_not_believed(seed: int) -> None:
    random = Random(seed)
    kernel = example_kernel()
    lookups = Lookups()
    lookups.put("workloadendpoints", INTERFACE, WEB)
    send(kernel, *[8080] * 5, *[9090] * 5, *[5353] * 5)
    scanner = NodeScanner(RacySource(kernel, random), lookups)
    first = _values(scanner.scan().snapshot)

    for _ in range(40):
        send(kernel, *random.choices([8080, 9090, 5353], k=5))
        snapshot = scanner.scan().snapshot
        check(snapshot)
        assert all(sum(readings.lost) == 0 for readings in snapshot.readings)
        assert snapshot.report.unlocked

    grown = {line: value - first[line] for line, value in _values(snapshot).items() if "calico.policy.packets" in line}
    assert sum(grown.values()) == 40 * 5 - (_values(snapshot)["dropped"] - first["dropped"])


def _values(snapshot: Snapshot) -> dict[str, int]:
    values = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in page(snapshot)}
    values["dropped"] = sum(value for line, value in values.items() if line.startswith("no_policy_drop_counter"))
    return values


def test_a_real_reset_is_believed_even_without_the_lock() -> None:
    node, kernel = ScannedNode(WEB), example_kernel()
    node.source.unlocked = True
    send(kernel, *[8080] * 5, *[9090] * 5)
    node.scan(kernel.dump())

    kernel.zero()
    send(kernel, 8080)
    snapshot = node.scan(kernel.dump())

    accepted = next(readings for readings in snapshot.readings if readings.series.metric is POLICY_ACCEPT)
    assert (sum(accepted.values), sum(accepted.lost)) == (1, 5)
