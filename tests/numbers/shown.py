"""What a snapshot and its page say, as plain numbers by series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from otel_calico.metrics import POLICY_METRICS
from otel_calico.series import Readings
from tests.numbers.look import Key

Stream = tuple[int, int, float]
"""What resets took away, what was shown at first, and since when it counts (Unix seconds)."""


def assert_same(what: str, shown: Mapping[Key, Any], expected: Mapping[Key, Any]) -> None:
    """Shows what differs, and no more."""
    wrong = {
        key: (shown.get(key, "absent"), expected.get(key, "absent"))
        for key in {**shown, **expected}
        if key not in shown or key not in expected or shown[key] != expected[key]
    }
    assert wrong == {}, what


def published(readings: Iterable[Readings]) -> tuple[dict[Key, int], dict[Key, Stream]]:
    """The value and the stream of each series."""
    values: dict[Key, int] = {}
    streams: dict[Key, Stream] = {}
    for one in readings:
        nothing = [0] * len(one.values)
        columns = zip(
            one.series.labels, one.values, one.lost or nothing, one.first or nothing, one.series.since, strict=True
        )
        for labels, value, lost, first, since in columns:
            key = one.series.metric.name, frozenset(labels.items())
            values[key], streams[key] = value, (lost, first, since / 1e9)
    return values, streams


def exposed(key: Key) -> Key:
    """The series as a page names it."""
    metric = next(metric for metric in POLICY_METRICS if metric.name == key[0])
    return metric.exposed, frozenset((re.sub(r"[^a-zA-Z0-9_]", "_", name), text) for name, text in key[1])


def on_page(text: str) -> dict[Key, int]:
    """Values on a page; no label of these tests has anything to escape."""
    found: dict[Key, int] = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels, _, value = rest.rpartition("} ")
            found[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels))] = int(value)
    return found
