"""The path of a packet through the rules of one endpoint, step by step, with what each step counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otel_calico.calico.model import Direction, IPVersion, RulesetKey, Table, Verdict
from otel_calico.explain.counts import Count


@dataclass(frozen=True, slots=True)
class EndpointTraffic:
    """Whose traffic a chain or program sees, and which. `ip_version` is None where both are counted
    together (eBPF), and `chain` is empty there.

    `namespace` and `pod` are empty where the datastore does not tell. `workload` is the name of one that is no pod,
    `host_endpoint` that of a host endpoint, if the datastore tells. `traffic` is `local` or `forwarded` for the chains
    of a host endpoint, in other tables than `filter` `table raw` or `table mangle`, else empty.
    """

    chain: str
    interface: str
    direction: Direction
    ip_version: IPVersion | None
    namespace: str = ""
    pod: str = ""
    workload: str = ""
    host_endpoint: str = ""
    traffic: str = ""
    table: Table = Table.FILTER

    @property
    def key(self) -> RulesetKey | None:
        """The ruleset of its chain; None where there is none (eBPF)."""
        return RulesetKey(self.ip_version, self.table) if self.ip_version else None

    @property
    def name(self) -> str:
        """`namespace/pod` or `namespace/workload`, else the host endpoint, else the interface."""
        if name := self.pod or self.workload:
            return f"{self.namespace}/{name}" if self.namespace else name
        return self.host_endpoint or self.interface


@dataclass(frozen=True, slots=True)
class RuleTotals:
    """What one rule of a policy decided on this node; `index` is its place in the policy, from 0."""

    index: int
    verdict: Verdict
    count: Count


@dataclass(frozen=True, slots=True)
class PolicyTotals:
    """What one policy decided on this node, for all endpoints together, in one direction and IP version.

    `name` is canonical, or that of the chain where nothing tells whose it is; then `kind` is empty. `verdicts` has
    those that some rule of the policy can give; none where the chain `is_missing`, as in a file that was cut. `unread`
    is how many of its rules could not be read. With eBPF `ip_version` is None, `chain` is empty, and `rules` has the
    rules that decide.
    """

    name: str
    kind: str
    namespace: str
    tier: str
    chain: str
    direction: Direction
    ip_version: IPVersion | None
    verdicts: Mapping[Verdict, Count]
    is_missing: bool = False
    unread: int = 0
    rules: tuple[RuleTotals, ...] = ()
    table: Table = Table.FILTER

    @property
    def key(self) -> RulesetKey | None:
        """The ruleset of its chain; None where there is none (eBPF)."""
        return RulesetKey(self.ip_version, self.table) if self.ip_version else None

    @property
    def is_whole(self) -> bool:
        """True if all that it decided is counted in `verdicts`."""
        return not self.is_missing and not self.unread


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """A policy, or a group of policies that share a chain, met by the packets of one endpoint.

    `denied` and `passed` are None where no rule gives that verdict, or where it cannot be told how often; then
    `denied_or_passed` may tell both together. `members` are in the order of evaluation: a group has several, a policy
    is its own only one. With eBPF nothing tells what entered, and `accepted` is None too where it cannot be told.
    """

    name: str
    chain: str
    is_group: bool
    members: tuple[PolicyTotals, ...]
    entered: Count | None
    accepted: Count | None
    denied: Count | None
    passed: Count | None
    denied_or_passed: Count | None

    def can(self, verdict: Verdict) -> bool:
        """True if some rule of a member gives this verdict."""
        return any(verdict in member.verdicts for member in self.members)

    @property
    def tells_all(self) -> bool:
        """True if each verdict that can be given to this endpoint's packets is counted for it."""
        told = {Verdict.ALLOW: self.accepted, Verdict.DENY: self.denied, Verdict.PASS: self.passed}
        return all(count is not None or not self.can(verdict) for verdict, count in told.items())


@dataclass(frozen=True, slots=True)
class TierStep:
    """A tier. `dropped` is None where the tier passes on what no policy decided, `left` where nothing counts it.

    `drops_untold` is true where it drops such packets and nothing counts them apart (eBPF up to v3.29).
    """

    name: str
    policies: tuple[PolicyStep, ...]
    dropped: Count | None
    left: Count | None
    drops_untold: bool = False

    @property
    def members(self) -> tuple[PolicyTotals, ...]:
        """All its policies, those in groups too."""
        return tuple(member for step in self.policies for member in step.members)


@dataclass(frozen=True, slots=True)
class ProfileStep:
    """A profile: what applies where no policy does. `denied` is None where it denies nothing, or nothing tells."""

    name: str
    chain: str
    entered: Count | None
    accepted: Count
    denied: Count | None


@dataclass(frozen=True, slots=True)
class InterfaceTotals:
    """What policies and profiles together accepted and dropped of one endpoint's packets (eBPF).

    `only` is the one thing that can have dropped them, if there is only one: a policy or a tier, as the end of a
    sentence.
    """

    accepted: Count
    dropped: Count
    only: str


@dataclass(frozen=True, slots=True)
class DropStep:
    """What a rule outside the tiers dropped. `reason` and `detail` are those of family `workload`.

    `rule` is what a rule of reason `other` says, as far as it was read.
    """

    reason: str
    detail: str
    dropped: Count
    rule: str = ""


@dataclass(frozen=True, slots=True)
class NodeDrop:
    """What rules of one chain dropped that is no policy's and no endpoint's.

    `direction` is None where the chain does not tell.
    """

    reason: str
    chain: str
    direction: Direction | None
    key: RulesetKey
    dropped: Count


@dataclass(frozen=True, slots=True)
class EndpointPath:
    """All that one endpoint's chain tells, in the order in which a packet meets it.

    `established` are packets of known connections, which meet no policy. `unread` is how many rules of the chain could
    not be read. `totals` are there where no step counts for this endpoint alone.
    """

    endpoint: EndpointTraffic
    established: Count | None
    tiers: tuple[TierStep, ...]
    profiles: tuple[ProfileStep, ...]
    drops: tuple[DropStep, ...]
    unread: int = 0
    totals: InterfaceTotals | None = None

    @property
    def counts_anything(self) -> bool:
        """True if any packet has come this way."""
        if self.totals:
            counts: list[Count | None] = [self.totals.accepted, self.totals.dropped]
        else:
            steps = [step.entered for tier in self.tiers for step in tier.policies]
            counts = [*steps, *(step.entered for step in self.profiles), self.established]
        counts += (drop.dropped for drop in self.drops)
        return any(count.total.packets for count in counts if count)
