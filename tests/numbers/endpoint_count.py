"""What the series of one endpoint chain should say after a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from otel_calico.calico.model import WorkloadEndpoint
from tests.numbers.dump_reading import Chains, Line
from tests.numbers.endpoint_lines import POLICY_CHAINS, Tier, deciding, established, members, other_drops, tiers
from tests.numbers.look import DIRECTIONS, UNITS, Key, Labels, Look, Number, kernels_value, key


@dataclass(frozen=True, slots=True)
class Formula:
    """A difference of lines, in an endpoint's chain. `whole` less `less`."""

    whole: Line
    less: tuple[Line, ...] = ()
    inferred: bool = False

    @property
    def lines(self) -> tuple[Line, ...]:
        return (self.whole, *self.less)


@dataclass(frozen=True)
class Workload:
    """The labels of a workload's series, by family."""

    accountant: Labels
    workload: Labels


def workloads(look: Look, endpoints: Mapping[str, WorkloadEndpoint]) -> Iterator[tuple[str, Workload]]:
    """The chains of known workloads."""
    known = {
        name[8:]: endpoints[name[8:]]
        for name in look.now
        if name[:8] in ("cali-tw-", "cali-fw-") and name[8:] in endpoints
    }
    pods = Counter((one.namespace, one.pod) for one in known.values())
    twins = Counter((one.namespace, one.pod, one.addresses) for one in known.values())
    for chain in look.now:
        if chain[:8] in ("cali-tw-", "cali-fw-") and chain[8:] in known:
            one = known[chain[8:]]
            accountant = {
                "pod": one.pod,
                "pod_namespace": one.namespace,
                "app": one.labels.get("app", ""),
                "ip": ",".join(sorted(one.addresses)),
                "type": chain[5:7],
            }
            workload = {
                "k8s.pod.name": one.pod,
                "k8s.namespace.name": one.namespace,
                "calico.direction": DIRECTIONS[chain[:8]],
                "network.type": f"ipv{look.version}",
            }
            if look.version == 6:
                accountant["ip_version"] = "6"
            if twins[one.namespace, one.pod, one.addresses] > 1:
                accountant["interface"] = one.interface
            if pods[one.namespace, one.pod] > 1:
                workload["network.interface.name"] = one.interface
            yield chain, Workload(accountant, workload)


_Difference = tuple[str, Labels, str, bool, Formula | None]
"""Metric, labels, chain of the policy, whether it counts bytes, and what counts; None for a member of a group."""


@dataclass
class EndpointCount:
    """One endpoint chain in one look."""

    look: Look
    chain: str
    workload: Workload
    label: Callable[[str, str], str]
    former: Mapping[Key, Number]
    found: dict[Key, Number] = field(default_factory=dict)
    formulas: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    parts: dict[Key, Key] = field(default_factory=dict)
    deciders: dict[Key, list[str]] = field(default_factory=dict)

    def count(self, formulas: Mapping[Key, tuple[str, ...]]) -> None:
        """Count what the chain's lines say; `formulas` are those of the look before."""
        lines, workload = self.look.now[self.chain], self.workload.workload
        differences: list[_Difference] = []
        for tier in tiers(lines):
            if tier.drop:
                own = {} if tier.name == "default" else {"tier": tier.name}
                self._raw("no_policy_drop_counter", self.workload.accountant | own, tier.drop)
            for place, (jump, _) in enumerate(tier.jumps):
                if jump.target in self.look.now:
                    differences += self._jump(tier, place)
        ends = [({"reason": "end_of_tier", "calico.tier": tier.name}, tier.drop) for tier in tiers(lines) if tier.drop]
        for unit in UNITS:
            for labels, line in [*ends, *other_drops(lines)]:
                self._raw(f"calico.workload.dropped.{unit}", workload | labels, line)
            for line in established(lines):
                self._raw(f"calico.workload.established.{unit}", workload, line)
        self._differences(differences, formulas)

    def _jump(self, tier: Tier, place: int) -> Iterator[_Difference]:
        """What is counted of a policy or group."""
        chains, (jump, accepted) = self.look.now, tier.jumps[place]
        target = jump.target
        policy = {"policy": self.label(target, tier.name)}
        self._raw("policy_accept_counter", self.workload.accountant | policy, accepted, target)
        wholes = {
            "allow": Formula(accepted) if _can(chains, target, "allow") else None,
            "deny": _denied(chains, tier, place),
            "pass": _passed(chains, tier, place),
        }
        if denied := wholes["deny"]:
            yield "policy_accept_drop_counter", self.workload.accountant | policy, target, False, denied
        for verdict, whole in wholes.items():
            parts = [] if target.startswith(POLICY_CHAINS) else members(chains, target)
            counted = [(target, whole), *((member, None) for member in parts if _can(chains, member, verdict))]
            for unit, octets in UNITS.items() if whole else ():
                for chain, formula in counted:
                    name = self.label(chain, tier.name)
                    own = {"calico.policy.name": name, "calico.tier": tier.name, "calico.verdict": verdict}
                    yield f"calico.workload.policy.{unit}", self.workload.workload | own, chain, octets, formula

    def _unique(self, own: Key, target: str, taken: Mapping[Key, object]) -> Key:
        return (own[0], own[1] | {("chain", target)}) if own in taken else own

    def _raw(self, metric: str, labels: Labels, line: Line, target: str = "") -> None:
        own = self._unique(key(metric, labels), target, self.found)
        octets = metric.endswith("bytes")
        self.found[own] = kernels_value(self.look, self.chain, line, self.former.get(own), octets=octets)

    def _differences(self, differences: list[_Difference], formulas: Mapping[Key, tuple[str, ...]]) -> None:
        old, begun = self.look.old(self.chain), self.look.before is not None
        wholes: dict[str, Key] = {}
        for metric, labels, target, octets, formula in differences:
            own = self._unique(key(metric, labels), target, {**self.found, **self.parts})
            if formula is None:
                self.parts[own] = wholes[metric]
                self.deciders[own] = [self.chain, target]
                continue
            wholes[metric] = own
            self.deciders[own] = [self.chain, *members(self.look.now, target)]
            rules = tuple(line.hash for line in formula.lines)
            self.formulas[own] = rules
            deltas = [
                line.count(octets=octets) - (was.count(octets=octets) if (was := old.get(line.hash)) else 0)
                for line in formula.lines
            ]
            new = [line.hash not in old for line in formula.lines]
            fell = any(
                line.count(octets=octets) < old[line.hash].count(octets=octets)
                for line in self.look.now[self.chain]
                if line.hash in old
            )
            if fell:
                gain = 0 if formula.less else (formula.whole.count(octets=octets) if deltas[0] < 0 else deltas[0])
            elif any(new) and not all(new):
                gain = 0
            else:
                gain = deltas[0] - sum(deltas[1:])
            if formula.inferred and formulas.get(own) != rules and any(rule in old for rule in rules):
                gain = 0
            known = self.former.get(own) or Number(0, since=self.look.previous)
            total = known.total + (gain if begun else 0)
            self.found[own] = Number(max(known.value, total), since=known.since, total=total)


def _can(chains: Chains, target: str, verdict: str) -> bool:
    return any(
        given == verdict for chain in members(chains, target) if chain in chains for given, _ in deciding(chains, chain)
    )


def _others_pass(chains: Chains, tier: Tier, place: int) -> bool:
    others = [jump.target for at, (jump, _) in enumerate(tier.jumps) if at != place and jump.target in chains]
    return any(_can(chains, other, "pass") for other in others)


def _denied(chains: Chains, tier: Tier, place: int) -> Formula | None:
    jump, accepted = tier.jumps[place]
    following, passes = tier.following(place), _can(chains, jump.target, "pass")
    if not _can(chains, jump.target, "deny"):
        return None
    if following and not passes:
        return Formula(jump, (accepted, following), inferred=True)
    if tier.leaving is None or _others_pass(chains, tier, place):
        return None
    if tier.drop is None:
        last = place + 1 == len(tier.jumps)
        return Formula(jump, (accepted, tier.leaving), inferred=True) if last else None
    assert following
    return Formula(jump, (accepted, following, tier.leaving), inferred=True)


def _passed(chains: Chains, tier: Tier, place: int) -> Formula | None:
    jump, accepted = tier.jumps[place]
    following = tier.following(place)
    if not _can(chains, jump.target, "pass"):
        return None
    if following and not _can(chains, jump.target, "deny"):
        return Formula(jump, (accepted, following), inferred=True)
    if tier.leaving is None or tier.drop is None or _others_pass(chains, tier, place):
        return None
    return Formula(tier.leaving, inferred=True)
