"""A small model of a node with the eBPF dataplane: policies on workloads, packets, maps, and what truly happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from otel_calico.calico.chains import KIND_CODES
from otel_calico.calico.model import Direction, IPVersion, PolicyKind, Verdict
from otel_calico.calico.policy_names import PolicyName
from otel_calico.ebpf.counted import PolicyVerdict
from otel_calico.ebpf.debug_file import program_key, read_debug_file
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.map_entries import InterfaceHook
from otel_calico.ebpf.match_ids import NO_PROFILE, IdForm, Owner, RulePlace, end_of_tier_id, rule_id
from otel_calico.ebpf.state import EbpfState, Programs
from tests.ebpf.debug_writer import DebugWriter

COUNTERS = {IdForm.WORDS: 14, IdForm.LETTERS: 25, IdForm.KINDS: 27}
ACCEPTED, DROPPED = 2, 4
TIERS = ("security", "soft", "default")
SOFT = "soft"
"""The tier that passes on what it does not decide."""


@dataclass(frozen=True)
class ModelRule:
    """`port` None matches all; `verdict` None only logs."""

    verdict: Verdict | None
    port: int | None


@dataclass(frozen=True)
class ModelPolicy:
    """A global policy of one tier, with the rules of each direction; one without rules in a direction is not in it."""

    name: str
    tier: str
    rules: dict[Direction, tuple[ModelRule, ...]]

    @property
    def canonical(self) -> PolicyName:
        return PolicyName(f"{self.tier}.{self.name}", PolicyKind.GLOBAL_NETWORK_POLICY, "", self.tier)

    @property
    def stored(self) -> str:
        return f"{self.tier}.{self.name}"


@dataclass(frozen=True)
class Truth:
    """Packets that happened, by what they count for."""

    policies: Counter[PolicyVerdict] = field(default_factory=Counter)
    rules: Counter[tuple[PolicyVerdict, int]] = field(default_factory=Counter)
    ends: Counter[tuple[str, Direction]] = field(default_factory=Counter)
    interfaces: Counter[tuple[str, Direction, int]] = field(default_factory=Counter)
    on_workload: Counter[tuple[str, PolicyVerdict]] = field(default_factory=Counter)
    ends_on_workload: Counter[tuple[str, str, Direction]] = field(default_factory=Counter)
    no_profile: Counter[str] = field(default_factory=Counter)


class ModelNode:
    """`workloads` are interfaces with the names of their policies; `profiles` says who has one that accepts."""

    def __init__(self, form: IdForm) -> None:
        self.form = form
        self.policies: dict[str, ModelPolicy] = {}
        self.workloads: dict[str, frozenset[str]] = {}
        self.profiles: dict[str, bool] = {}
        self.truth = Truth()
        self._rules: dict[int, int] = {}
        self._interfaces: dict[InterfaceHook, list[int]] = {}
        self._indexes: dict[str, int] = {}

    def add_workload(self, interface: str, policies: frozenset[str], *, profile: bool) -> None:
        self._indexes[interface] = 10 + len(self._indexes)
        self.workloads[interface], self.profiles[interface] = policies, profile

    def change(self) -> None:
        """What Felix does after policies changed: ids that no program has any more are deleted, not ends."""
        kept = {match_id for interface in self.workloads for match_id in self._ids(interface)} | self._end_ids()
        self._rules = {match_id: packets for match_id, packets in self._rules.items() if match_id in kept}

    def restart_felix(self) -> None:
        self._rules.clear()

    def bounce(self, interface: str) -> None:
        """Down and up: its counters are deleted."""
        for hook in WORKLOAD_HOOKS.values():
            self._interfaces.pop(InterfaceHook(self._indexes[interface], hook), None)

    def send(self, interface: str, direction: Direction, port: int, packets: int) -> None:
        """New flows, one packet each."""
        accepted = self._decide(interface, direction, port, packets)
        place = InterfaceHook(self._indexes[interface], WORKLOAD_HOOKS[direction])
        counters = self._interfaces.setdefault(place, [0] * COUNTERS[self.form])
        counters[ACCEPTED if accepted else DROPPED] += packets
        self.truth.interfaces[interface, direction, ACCEPTED if accepted else DROPPED] += packets

    @property
    def names(self) -> dict[int, str]:
        """Interfaces by index."""
        return {self._indexes[interface]: interface for interface in self.workloads}

    def all_ids(self) -> set[int]:
        """Every id that some program of the node counts."""
        return {match_id for interface in self.workloads for match_id in self._ids(interface)} | {NO_PROFILE}

    def debug_files(self) -> dict[str, bytes]:
        """The files by name."""
        return {
            f"{interface}_{direction.value}_v{version}.json": self._debug_file(interface, direction)
            for interface in self.workloads
            for direction in Direction
            for version in IPVersion
        }

    def state(self) -> EbpfState:
        files = {key: text for name, text in self.debug_files().items() if (key := program_key(name))}
        programs = Programs(of={key: read_debug_file(key, text) for key, text in files.items()})
        counters = {place: tuple(numbers) for place, numbers in self._interfaces.items() if place.ifindex in self.names}
        return EbpfState(dict(self._rules), 10_000, {"cali_counters6": counters}, self.names, programs)

    def _decide(self, interface: str, direction: Direction, port: int, packets: int) -> bool:
        truth = self.truth
        for tier, policies in self._tiers(interface, direction):
            verdict = None
            for policy, index, rule in _rules_of(policies, direction):
                if rule.verdict is not None and rule.port in {None, port}:
                    verdict = rule.verdict
                    decides = PolicyVerdict(policy.canonical, direction, verdict)
                    self._count(self._rule_id(policy, direction, index, verdict), packets)
                    truth.policies[decides] += packets
                    truth.rules[decides, index] += packets
                    truth.on_workload[interface, decides] += packets
                    break
            if verdict is None:
                verdict = _end_of(tier)
                self._count(end_of_tier_id(self.form, tier, direction, verdict), packets)
                if verdict is Verdict.DENY:
                    truth.ends[tier, direction] += packets
                    truth.ends_on_workload[interface, tier, direction] += packets
            if verdict is not Verdict.PASS:
                return verdict is Verdict.ALLOW
        if self.profiles[interface]:
            self._count(self._profile_id(direction), packets)
            return True
        self._count(NO_PROFILE, packets)
        truth.no_profile[interface] += packets
        return False

    def _count(self, match_id: int, packets: int) -> None:
        self._rules[match_id] = self._rules.get(match_id, 0) + packets

    def _tiers(self, interface: str, direction: Direction) -> Iterator[tuple[str, Sequence[ModelPolicy]]]:
        applied = [self.policies[name] for name in sorted(self.workloads[interface]) if name in self.policies]
        for tier in TIERS:
            policies = [policy for policy in applied if policy.tier == tier and policy.rules.get(direction) is not None]
            if policies:
                yield tier, policies

    def _ids(self, interface: str) -> Iterator[int]:
        for direction in Direction:
            yield self._profile_id(direction)
            for _, policies in self._tiers(interface, direction):
                for policy, index, rule in _rules_of(policies, direction):
                    if rule.verdict is not None:
                        yield self._rule_id(policy, direction, index, rule.verdict)

    def _end_ids(self) -> set[int]:
        ends = ((tier, way, verdict) for tier in TIERS for way in Direction for verdict in Verdict)
        return {NO_PROFILE} | {end_of_tier_id(self.form, *end) for end in ends if end[2] is not Verdict.ALLOW}

    def _rule_id(self, policy: ModelPolicy, direction: Direction, index: int, verdict: Verdict) -> int:
        code = f"{KIND_CODES[PolicyKind.GLOBAL_NETWORK_POLICY]}/" if self.form is IdForm.KINDS else ""
        return rule_id(self.form, RulePlace(Owner.POLICY, code + policy.stored, direction, verdict, index))

    def _profile_id(self, direction: Direction) -> int:
        return rule_id(self.form, RulePlace(Owner.PROFILE, "kns.shop", direction, Verdict.ALLOW, 0))

    def _debug_file(self, interface: str, direction: Direction) -> bytes:
        writer = DebugWriter(self.form, interface)
        for tier, policies in self._tiers(interface, direction):
            writer.start_tier(tier)
            for policy in policies:
                writer.start_policy("GlobalNetworkPolicy", policy.stored)
                for index, rule in enumerate(policy.rules[direction]):
                    match_id = self._rule_id(policy, direction, index, rule.verdict) if rule.verdict else 0
                    writer.rule(policy.stored, rule.verdict, rule.port, match_id)
                writer.end_policy()
            verdict = _end_of(tier)
            writer.end_tier(tier, verdict, end_of_tier_id(self.form, tier, direction, verdict))
        if self.profiles[interface]:
            writer.rule("kns.shop", Verdict.ALLOW, None, self._profile_id(direction))
        return writer.text()


def _rules_of(policies: Sequence[ModelPolicy], direction: Direction) -> Iterator[tuple[ModelPolicy, int, ModelRule]]:
    for policy in policies:
        for index, rule in enumerate(policy.rules[direction]):
            yield policy, index, rule


def _end_of(tier: str) -> Verdict:
    return Verdict.PASS if tier == SOFT else Verdict.DENY
