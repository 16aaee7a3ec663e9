"""What the service shows, look after look, held against the naive count."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from otel_calico.metrics import DROPPED_SCRAPE
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.snapshot import Snapshot
from tests.numbers.expected import Expected
from tests.numbers.look import Key, Number
from tests.numbers.shown import Stream, assert_same, exposed, on_page, published

_MICROSECOND = 1e-6

SPLIT = "calico.workload.policy."
"""Metrics in which a group and its members share what the group did."""


class Comparison:
    """Remembers what was shown and expected at the look before."""

    def __init__(self) -> None:
        self.gained: Mapping[Key, int] = {}
        """What each series gained since the look before."""
        self._exposition = Exposition()
        self._last: Mapping[Key, int] = {}
        self._since: Mapping[Key, float] = {}
        self._last_expected: Mapping[Key, Number] = {}

    def compare(self, snapshot: Snapshot, count: Expected) -> None:
        """Compare a good scan with the count: its page, its series, their values and their streams."""
        readings = [one for one in snapshot.readings if one.series.metric is not DROPPED_SCRAPE]
        shown, streams = published(readings)
        expected, parts = count.numbers, count.parts
        text = b"".join(self._exposition.render(readings, TextFormat.PROMETHEUS)).decode()
        assert_same("page", on_page(text), {exposed(key): value for key, value in shown.items()})
        assert_same("series", dict.fromkeys(shown), dict.fromkeys([*expected, *parts]))
        exact = {key: number for key, number in expected.items() if not key[0].startswith(SPLIT)}
        assert_same("value", {key: shown[key] for key in exact}, {key: number.value for key, number in exact.items()})
        counters = {key: number for key, number in exact.items() if not key[0].endswith((".info", ".time"))}
        assert_same(
            "stream",
            {key: streams[key] for key in counters},
            {key: (number.lost, number.first, _right_after(number.since)) for key, number in counters.items()},
        )
        self._compare_gains(shown, streams, count)
        self._last, self._last_expected = shown, dict(expected)
        self._since = {key: since for key, (_, _, since) in streams.items()}

    def forget(self) -> None:
        """Nothing was shown: every series that comes is a new one."""
        self._last, self._last_expected, self._since = {}, {}, {}

    def _compare_gains(self, shown: Mapping[Key, int], streams: Mapping[Key, Stream], count: Expected) -> None:
        """A group and its members gained what the group did."""
        self.gained = gained = {  # a pod that takes an old name is a stream of its own
            key: value - (self._last[key] if self._since.get(key) == streams[key][2] else 0)
            for key, value in shown.items()
        }
        for key, number in count.numbers.items():
            if key[0].startswith(SPLIT):
                before = self._last_expected.get(key)
                known = before.value if before and before.since == number.since else 0
                together = [key, *(part for part, whole in count.parts.items() if whole == key)]
                assert_same("gain", {key: sum(gained[one] for one in together)}, {key: number.value - known})
                assert min(gained[one] for one in together) >= 0


def _right_after(seconds: float) -> object:
    """Equal to a moment at, or a nanosecond after, a look: a stream starts after the look that did not show it."""
    return pytest.approx(seconds, rel=0, abs=_MICROSECOND)
