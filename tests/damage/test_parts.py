"""A chain that cannot be read takes nothing of the others along: their series are there, and say what they said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import repeat
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from otel_calico.attribution.plan import GroupPlan
from otel_calico.attribution.planned_series import DifferenceSeries, SharedSeries
from otel_calico.calico.chains import HOST_ENDPOINT_PREFIXES, POLICY_PREFIXES, WORKLOAD_PREFIXES
from otel_calico.calico.model import IPVersion
from otel_calico.metrics import POLICY_ACCEPT_DROP, POLICY_LAST_HIT, WORKLOAD_POLICY, Metric
from otel_calico.scanning.scan import Scan
from otel_calico.series import LabelKey, Labels, label_key
from otel_calico.sources.ruleset_source import Dump
from tests.damage import damages
from tests.damage.histories import Look, recorded_node
from tests.damage.product import Product
from tests.damage.saved_table import SavedTable
from tests.recordings import RECORDINGS, Moment

pytestmark = pytest.mark.slow

ENDPOINTS = (*WORKLOAD_PREFIXES.values(), *HOST_ENDPOINT_PREFIXES)
POLICIES = tuple(POLICY_PREFIXES.values())
DAMAGES = (
    damages.emptied_chain,
    damages.missing_chain,
    damages.lost_lines,
    damages.doubled_lines,
    damages.moved_lines,
    damages.jump_to_nowhere,
    damages.counted_on,
    damages.counters_zeroed,
    damages.repeated_hash,
    damages.spoilt_line,
)

deterministic = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def damaged_chain(choose: Random, table: SavedTable, chain: str) -> SavedTable:
    """The table with one chain damaged, and no line of another."""
    own = table.with_rules(rule for rule in table.rules if rule.chain == chain)
    own = own.with_declared(line for line in table.declared if line.chain == chain)
    for _ in range(choose.randrange(1, 4)):
        if own.rules and own.chains:
            own = choose.choice(DAMAGES)(own, choose, own)
    first = next(place for place, rule in enumerate(table.rules) if rule.chain == chain)
    others = table.with_declared([line for line in table.declared if line.chain != chain] + list(own.declared))
    before, after = table.rules[:first], [rule for rule in table.rules[first:] if rule.chain != chain]
    return others.with_rules((*before, *own.rules, *after))


def scanned(choose: Random, prefixes: tuple[str, ...]) -> tuple[str, Scan, Scan]:
    """A chain of a recording, a scan of the whole recording, and one in which the chain was damaged.

    Both come after one in which all counters were zero.
    """
    recording, version = choose.choice(RECORDINGS), choose.choice(list(IPVersion))
    table = SavedTable.read(recording.dump(Moment.AFTER, version))
    chain = choose.choice([rule.chain for rule in table.rules if rule.chain.startswith(prefixes)])
    zeroed = table.with_rules(rule.with_counters(lambda *_: (0, 0)) for rule in table.rules)
    scans = []
    for shown in (table, damaged_chain(choose, table, chain)):
        product = Product(recorded_node(recording))
        for text in (zeroed.text, shown.text):
            scan = product.look(Look([[Dump(version, text)]], unlocked=False, backend="nft"))
        scans.append(scan)
    whole, damaged = scans
    assume(damaged.snapshot.failure is None)  # spoilt counters fail the scan, by name
    return chain, whole, damaged


def series(scan: Scan, *without: Metric) -> Iterator[tuple[Metric, Labels, int]]:
    """Every series, except those that say when something happened, and those of these metrics."""
    for readings in scan.snapshot.readings:
        metric = readings.series.metric
        if metric not in {POLICY_LAST_HIT, *without}:
            yield from zip(repeat(metric), readings.series.labels, readings.values, strict=False)


def of_endpoint(scan: Scan, chain: str) -> Set[LabelKey]:
    """The labels of the series that an endpoint's chain feeds."""
    plans = [ruleset.plan.endpoints[chain] for ruleset in scan.rulesets if chain in ruleset.plan.endpoints]
    sets = [series for plan in plans for one in plan.series for series in (one, *_wholes(one))]
    return {label_key(labels) for one in sets for labels in one.labels}


def _wholes(series: object) -> Iterator[DifferenceSeries]:
    if isinstance(series, SharedSeries):
        yield series.wholes


def names(scan: Scan, chain: str) -> Set[str]:
    """What a policy's chain is called in labels: its own name, or that of the policy and of the groups it is in."""
    plans = [ruleset.plan for ruleset in scan.rulesets]
    own = {plan.policies[chain].label for plan in plans if chain in plan.policies}
    groups = {name for plan in plans for name, group in plan.groups.items() if chain in _members(group)}
    return own | groups | {chain}


def _members(group: GroupPlan) -> Set[str]:
    return {member.chain for member in group.members}


def totals(found: Iterable[tuple[Metric, Labels, int]]) -> Mapping[object, int]:
    """Values by metric and labels. What an endpoint's policies did is one sum for each verdict, since a group's packets
    may be known to be a member's or not.
    """
    sums: Counter[object] = Counter()
    for metric, labels, value in found:
        own = {key: text for key, text in labels.items() if key not in _TOLD_BY_ENDPOINTS}
        if metric in WORKLOAD_POLICY:
            del own["calico.policy.name"]
        sums[metric, label_key(own)] += value
    return sums


_TOLD_BY_ENDPOINTS = {"calico.tier", "calico.policy.tier"}
"""Up to v3.28 policies do not name their tiers."""


@deterministic
@given(st.randoms(use_true_random=False))
def test_a_damaged_chain_of_an_endpoint_takes_nothing_from_others(choose: Random) -> None:
    chain, whole, damaged = scanned(choose, ENDPOINTS)
    own = of_endpoint(whole, chain) | of_endpoint(damaged, chain)
    others = [[one for one in series(scan) if label_key(one[1]) not in own] for scan in (whole, damaged)]
    assert totals(others[0]) == totals(others[1])


@deterministic
@given(st.randoms(use_true_random=False))
def test_a_damaged_chain_of_a_policy_takes_nothing_from_others(choose: Random) -> None:
    chain, whole, damaged = scanned(choose, POLICIES)
    own = names(whole, chain) | names(damaged, chain)
    inferred = (POLICY_ACCEPT_DROP, *WORKLOAD_POLICY)  # what one endpoint's packets met depends on all of a tier
    others = [
        [one for one in series(scan, *inferred) if not any(name in text for name in own for text in one[1].values())]
        for scan in (whole, damaged)
    ]
    assert totals(others[0]) == totals(others[1])
