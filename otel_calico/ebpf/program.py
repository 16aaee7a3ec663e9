"""A policy program of the eBPF dataplane: the tiers, policies and rules that one interface's traffic meets.

`is_reached` is true of what some packet may come to: Felix leaves out the code of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otel_calico.calico.model import Direction, IPVersion, Verdict
from otel_calico.calico.policy_names import PolicyName


@dataclass(frozen=True, slots=True)
class ProgramRule:
    """One rule of a policy or profile. `verdict` is None for a rule that only logs, which nothing counts.

    `index` is its place in the policy, from 0. `text` is Felix's, without what differs from one writing to the next.
    """

    match_id: int
    verdict: Verdict | None
    index: int
    text: str
    is_reached: bool


@dataclass(frozen=True, slots=True)
class ProgramPolicy:
    """One policy in one direction. `id_name` is what stands for its name in match ids."""

    name: PolicyName
    id_name: str
    direction: Direction
    rules: tuple[ProgramRule, ...]


@dataclass(frozen=True, slots=True)
class TierEnd:
    """What becomes of packets that no policy of the tier decided; `verdict` is None where nothing tells."""

    match_id: int
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class ProgramTier:
    """One tier; `end` is None if no packet comes to it."""

    name: str
    direction: Direction
    policies: tuple[ProgramPolicy, ...]
    end: TierEnd | None


@dataclass(frozen=True, slots=True)
class ProgramProfile:
    """The rules of one profile; its name is empty where it is not told (before v3.32)."""

    name: str
    rules: tuple[ProgramRule, ...]


@dataclass(frozen=True, slots=True)
class ProgramKey:
    """Which program of which interface: policy's direction, or doNotTrack policy's XDP."""

    interface: str
    direction: Direction
    ip_version: IPVersion
    is_xdp: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """`host_tiers` are met first: a host endpoint's forward and preDNAT policy, on a workload's interface that of all
    interfaces (in the other direction). `has_no_profile`: packets may meet no profile that accepts them, and are
    dropped. `tells_ends`: ends of tiers have ids of their own. `error` is why the program could not be loaded.
    """

    key: ProgramKey
    is_host: bool = False
    host_tiers: tuple[ProgramTier, ...] = ()
    tiers: tuple[ProgramTier, ...] = ()
    profiles: tuple[ProgramProfile, ...] = ()
    has_no_profile: bool = False
    tells_ends: bool = False
    error: str = ""

    @property
    def all_tiers(self) -> tuple[ProgramTier, ...]:
        """In the order a packet meets them."""
        return (*self.host_tiers, *self.tiers)

    def policies(self) -> Iterator[ProgramPolicy]:
        """All policies, in order; one may occur twice on a host's interface."""
        for tier in self.all_tiers:
            yield from tier.policies
