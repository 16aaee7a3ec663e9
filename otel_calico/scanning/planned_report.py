"""What the planned rulesets of a scan tell of how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.calico.model import IPVersion, PolicyKind, Table
from otel_calico.snapshot import ScanReport


def report_of(planned: Sequence[PlannedRuleset]) -> ScanReport:
    """A report with what rulesets and plans tell; the rest is for who took the scan to fill in."""
    plans = [ruleset.plan for ruleset in planned]
    return ScanReport(
        rules=by_version((ruleset.ip_version, ruleset.ruleset.rules) for ruleset in planned),
        malformed_lines=sum(ruleset.ruleset.malformed for ruleset in planned),
        interfaces_without_workload=tuple({name for plan in plans for name in plan.interfaces_without_workload}),
        workloads_without_chains=_without_chains(planned),
        chains_without_name=tuple({chain for plan in plans for chain in plan.chains_without_name}),
        missing_chains=tuple({chain: None for plan in plans for chain in plan.missing_chains}),
        contradicted_tiers=tuple({told: None for plan in plans for told in plan.contradicted_tiers}),
        kinds_needed=frozenset[PolicyKind]().union(*(plan.kinds_needed for plan in plans)),
        notes=tuple(_repetitions(planned)),
    )


def network_type(version: IPVersion) -> str:
    """The IP version as a value of attribute `network.type`."""
    return f"ipv{version.value}"


def by_version(numbers: Iterable[tuple[IPVersion, int]]) -> Mapping[str, int]:
    """Sums over the tables of each IP version."""
    found: dict[str, int] = {}
    for version, number in numbers:
        found[network_type(version)] = found.get(network_type(version), 0) + number
    return found


def _without_chains(planned: Sequence[PlannedRuleset]) -> tuple[str, ...]:
    """Names of the workloads that have chains in no IP version."""
    plans = [ruleset.plan for ruleset in planned if ruleset.key.table is Table.FILTER]
    if not all(plan.workloads_without_chains for plan in plans):
        return ()
    missing = [set(plan.workloads_without_chains) for plan in plans]
    return tuple(sorted(set[str].intersection(*missing))) if missing else ()


def _repetitions(planned: Sequence[PlannedRuleset]) -> Iterator[str]:
    """A note where rules stand twice: whether both lines counted the same packets, nobody can tell."""
    if repeated := sum(ruleset.ruleset.repeated for ruleset in planned):
        rules = "1 rule comes" if repeated == 1 else f"{repeated} rules come"
        yield f"{rules} twice: what both lines of such a rule counted is added up"
