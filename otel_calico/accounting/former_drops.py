"""What former tables in force dropped (family `policy`): one number per direction and IP version, since the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from otel_calico.accounting.gains import counters_before, gains
from otel_calico.accounting.since_start import SinceStart
from otel_calico.calico.chains import (
    HOST_ENDPOINT_PREFIXES,
    POLICY_PREFIXES,
    PROFILE_PREFIXES,
    WORKLOAD_PREFIXES,
)
from otel_calico.calico.model import Direction, IPVersion
from otel_calico.metrics import NODE_DROPPED
from otel_calico.ruleset.ruleset import Layout, Ruleset
from otel_calico.series import Labels, Readings

FORMER_BACKEND = "former_backend"
"""The reason of these drops."""

_DIRECTIONS = {
    "cali-to-wl-dispatch": Direction.INGRESS,
    "cali-from-wl-dispatch": Direction.EGRESS,
    **HOST_ENDPOINT_PREFIXES,
    **{
        prefix: direction
        for prefixes in (WORKLOAD_PREFIXES, POLICY_PREFIXES, PROFILE_PREFIXES)
        for direction, prefix in prefixes.items()
    },
}
"""Directions by how chains begin; others, such as `cali-cidr-block`, do not tell."""

_Way = tuple[Direction | None, IPVersion]


@dataclass(frozen=True, slots=True)
class FormerTable:
    """A former table in force now, where its `backend` has it, and as it was in the scan before.

    `before` is None where nobody looked at it: what its rules counted by now is history.
    """

    backend: str
    ip_version: IPVersion
    now: Ruleset
    before: Ruleset | None


class FormerDropAccount:
    """All DROP and REJECT rules of all former tables together, scan after scan."""

    def __init__(self) -> None:
        self._packets, self._octets = (SinceStart[_Way](metric) for metric in NODE_DROPPED)
        self._rules: dict[Layout, tuple[int, ...]] = {}

    def read(self, tables: Iterable[FormerTable], since: int) -> Sequence[Readings]:
        """The readings of this scan, none where no table is given. `since` is the scan before, in Unix nanoseconds."""
        series: dict[_Way, Labels] = {}
        packets: Counter[_Way] = Counter()
        octets: Counter[_Way] = Counter()
        former, self._rules = self._rules, {}
        for table in tables:
            for name, chain in table.now.chains.items():
                layout = chain.layout
                rules = self._rules[layout] = former[layout] if layout in former else dropping_rules(layout)
                if not rules:
                    continue
                way = direction_of(name), table.ip_version
                series[way] = _labels(*way)
                if table.before is None:
                    continue
                before = counters_before(chain, rules, table.before.chains.get(name))
                gained = gains(before, chain.counters(rules))
                packets[way] += sum(one for one, _ in gained)
                octets[way] += sum(one for _, one in gained)
        places = {way: place for place, way in enumerate(series)}
        readings = [
            account.read(series, {places[way]: gained for way, gained in counted.items()}, since)
            for account, counted in ((self._packets, packets), (self._octets, octets))
        ]
        return readings if series else ()


def dropping_rules(layout: Layout) -> tuple[int, ...]:
    """The places of the rules that end in DROP or REJECT."""
    return tuple(place for place, rule in enumerate(layout.rules) if rule and rule.drops)


def direction_of(chain: str) -> Direction | None:
    """Which way the packets of a chain go; None where its name does not tell."""
    return next((direction for prefix, direction in _DIRECTIONS.items() if chain.startswith(prefix)), None)


def _labels(direction: Direction | None, ip_version: IPVersion) -> Labels:
    return {
        "reason": FORMER_BACKEND,
        **({"calico.direction": direction.value} if direction else {}),
        **({"network.type": "ipv6"} if ip_version is IPVersion.V6 else {}),
    }
