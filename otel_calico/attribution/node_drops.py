"""Finds the rules that drop packets of no known endpoint and no policy: what they count is the node's.

Sources: `felix/rules/dispatch.go` (unknown interfaces), `felix/rules/static.go` (everything else).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from otel_calico.attribution.plan import NodeDrops
from otel_calico.attribution.planned_series import RawSeries
from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import Direction, IPVersion, RulesetKey
from otel_calico.metrics import NODE_DROPPED
from otel_calico.ruleset.rule import Rule
from otel_calico.ruleset.ruleset import Layout
from otel_calico.series import Labels

UNKNOWN_ENDPOINT = "unknown_endpoint"
"""Reason of drops in the chains of an interface that no workload of the datastore owns."""

_DISPATCH = ("cali-from-wl-dispatch", "cali-to-wl-dispatch")
"""Chains that every node has, with one dropping rule each."""

_WORKLOAD_CHAINS = tuple(WORKLOAD_PREFIXES.values())
_REASONS = {"cali-cidr-block": "cidr_block", "cali-PREROUTING": "reverse_path"}
"""Chains with one dropping rule, and why it drops."""

_DIRECTIONS = {
    **{prefix: direction for direction, prefix in WORKLOAD_PREFIXES.items()},
    "cali-from-wl-dispatch": Direction.EGRESS,
    "cali-to-wl-dispatch": Direction.INGRESS,
}


@dataclass(frozen=True, slots=True)
class _Drop:
    reason: str
    rule: int


class NodeDropsReader:
    """Reads the rulesets of one table; what a chain said is kept while it says the same."""

    def __init__(self, key: RulesetKey) -> None:
        version: Labels = {"network.type": "ipv6"} if key.ip_version is IPVersion.V6 else {}
        self._of_ruleset: Labels = {**version, **key.attributes}
        self._known: dict[Layout, tuple[NodeDrops, ...]] = {}

    def read(self, layouts: Iterable[Layout]) -> tuple[NodeDrops, ...]:
        """The drops of these chains, which are no policy's, profile's or known endpoint's."""
        known, self._known = self._known, {}
        for layout in layouts:
            self._known[layout] = known[layout] if layout in known else tuple(self._drops(layout))
        return tuple(drops for of_chain in self._known.values() for drops in of_chain)

    def _drops(self, layout: Layout) -> Iterator[NodeDrops]:
        chain = layout.name
        found = [_Drop(_reason(chain, rule), place) for place, rule in enumerate(layout.rules) if rule and rule.drops]
        direction = next((way for prefix, way in _DIRECTIONS.items() if chain.startswith(prefix)), None)
        for reason, drops in groupby(sorted(found, key=lambda drop: drop.reason), key=lambda drop: drop.reason):
            rules = tuple(drop.rule for drop in drops)
            common = {"reason": reason, **({"calico.direction": direction.value} if direction else {})}
            single = len(rules) == 1 and (chain in _DISPATCH or chain in _REASONS)
            common |= self._of_ruleset if single else {**self._of_ruleset, "calico.chain": chain}
            numbers = [{"calico.rule.number": str(rule + 1)} if len(rules) > 1 else {} for rule in rules]
            labels = tuple({**common, **number} for number in numbers)
            series = tuple(RawSeries(metric, labels, rules) for metric in NODE_DROPPED)
            yield NodeDrops(chain, reason, direction, series, is_usual=single and chain in _DISPATCH)


def _reason(chain: str, rule: Rule) -> str:
    if rule.says("Unknown interface"):
        return "unknown_interface"
    return UNKNOWN_ENDPOINT if chain.startswith(_WORKLOAD_CHAINS) else _REASONS.get(chain, "other")
