"""When each policy last decided about a packet, seen from scan to scan (part of family `policy`).

Nothing is said of the time before the first scan: a counter that was not zero then tells that the policy was hit, but
not when. So 0 means the same for every policy: not hit since the start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from otel_calico.metrics import POLICY_LAST_HIT
from otel_calico.series import LabelKey, Labels, Readings, SeriesSet

PolicyKey = LabelKey

_OF_RULES = {"calico.direction", "calico.verdict"}


def policy_key(labels: Labels) -> PolicyKey:
    """What the series of one policy have in common, whichever direction and verdict they are of."""
    return frozenset((name, value) for name, value in labels.items() if name not in _OF_RULES)


class LastHits:
    """The policies of a node, scan after scan."""

    def __init__(self) -> None:
        self._times: dict[PolicyKey, int] = {}  # Unix seconds
        self._readings = Readings(SeriesSet(POLICY_LAST_HIT, (), ()), ())

    def follow(self, policies: Iterable[PolicyKey]) -> None:
        """Tell of these policies from now on; the times of others are forgotten."""
        former, self._times = self._times, {key: self._times.get(key, 0) for key in policies}
        if list(self._times) != list(former):
            series = SeriesSet(POLICY_LAST_HIT, [dict(sorted(key)) for key in self._times], [0] * len(self._times))
            self._readings = Readings(series, list(self._times.values()))

    def read(self, hit: Collection[PolicyKey], taken: int) -> Readings:
        """The times, after these policies were hit since the last scan; `taken` is now, in Unix nanoseconds.

        The former object if no time changed.
        """
        if hit:
            self._times |= dict.fromkeys(hit, taken // 10**9)
            times = list(self._times.values())
            if times != self._readings.values:
                self._readings = Readings(self._readings.series, times)
        return self._readings
