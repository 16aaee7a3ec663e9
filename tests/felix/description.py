"""What a node runs, in a few words: endpoints, their ordered policies and profiles, and Felix's settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from otel_calico.calico import model
from otel_calico.calico.chains import MAX_CHAIN_NAME, programmed_name
from otel_calico.calico.model import Direction, PolicyKind
from tests.felix.eras import DEFAULT_MARK_MASK, Era, Marks

_LONGEST_NATIVE_NAME = 256  # of knftables

Table = Literal["filter", "raw", "mangle"]
TABLES: tuple[Table, ...] = ("filter", "raw", "mangle")
"""The tables that are rendered. Felix writes to `nat` too."""


class Action(Enum):
    """What a policy rule does. Values are Felix's letters in NFLOG prefixes (`log` has none)."""

    ALLOW = "A"
    DENY = "D"
    PASS = "P"
    LOG = "L"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a policy or profile. Empty fields match everything; more than one source makes match blocks."""

    action: Action
    protocol: str | int = ""  # name or number
    ports: tuple[int, ...] = ()  # destination ports
    sources: tuple[str, ...] = ()  # source subnets; those of the other IP version are left out
    source_selector: str = ""  # normalised; its addresses are in an IP set
    icmp_type: int | None = None
    annotations: tuple[str, ...] = ()  # `key=value`, shown as comments


def allow(protocol: str | int = "", *ports: int, sources: tuple[str, ...] = ()) -> PolicyRule:
    """A rule that accepts."""
    return PolicyRule(Action.ALLOW, protocol, ports, sources)


def deny(protocol: str | int = "", *ports: int, sources: tuple[str, ...] = ()) -> PolicyRule:
    """A rule that drops."""
    return PolicyRule(Action.DENY, protocol, ports, sources)


def pass_on(protocol: str | int = "", *ports: int, sources: tuple[str, ...] = ()) -> PolicyRule:
    """A rule that hands packets to the next tier or to the profiles."""
    return PolicyRule(Action.PASS, protocol, ports, sources)


def log(protocol: str | int = "", *ports: int, sources: tuple[str, ...] = ()) -> PolicyRule:
    """A rule that writes to the kernel log and decides nothing."""
    return PolicyRule(Action.LOG, protocol, ports, sources)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as Felix gets it: `name` as stored, `selector` normalised. Consecutive equal selectors make a group."""

    kind: PolicyKind
    name: str
    namespace: str = ""
    tier: str = "default"
    selector: str = "all()"
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()
    staged: bool = False

    @property
    def resource(self) -> model.Policy:
        """The same policy as the datastore would hold it."""
        return model.Policy(self.kind, self.namespace, self.name, self.tier)

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        """The policy's rules for one way of the traffic."""
        return self.ingress if direction is Direction.INGRESS else self.egress

    def qualified_name(self, era: Era) -> str:
        """The name Felix knows the policy by: `namespace/name`, or the name alone if it has no namespace."""
        name = ("staged:" if self.staged else "") + programmed_name(self.resource, era.id_scheme)
        return f"{self.namespace}/{name}" if self.namespace else name


@dataclass(frozen=True, slots=True)
class Profile:
    """Rules that apply after the policies."""

    name: str
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        """The profile's rules for one way of the traffic."""
        return self.ingress if direction is Direction.INGRESS else self.egress


def kubernetes_profiles(namespace: str, service_account: str = "default") -> tuple[Profile, ...]:
    """The two profiles of every Kubernetes pod: its namespace's allows all, its service account's is empty."""
    return (Profile(f"kns.{namespace}", (allow(),), (allow(),)), Profile(f"ksa.{namespace}.{service_account}"))


@dataclass(frozen=True, slots=True)
class PacketRate:
    """A QoS limit in packets per second, both ways (era D and later)."""

    per_second: int
    burst: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One host interface. Policies are in order of evaluation; those of one tier must stand together."""

    interface: str
    ingress: tuple[Policy, ...] = ()
    egress: tuple[Policy, ...] = ()
    profiles: tuple[Profile, ...] = ()
    admin_up: bool = True
    packet_rate: PacketRate | None = None

    def policies(self, direction: Direction) -> tuple[Policy, ...]:
        """The policies that apply to one way of the traffic."""
        return self.ingress if direction is Direction.INGRESS else self.egress


@dataclass(frozen=True, slots=True)
class HostEndpoint:
    """An interface of the node itself, `*` for all of them. Profiles are of its own processes' traffic."""

    interface: str
    ingress: tuple[Policy, ...] = ()
    egress: tuple[Policy, ...] = ()
    forward_ingress: tuple[Policy, ...] = ()  # policies with `applyOnForward`
    forward_egress: tuple[Policy, ...] = ()
    untracked_ingress: tuple[Policy, ...] = ()  # policies with `doNotTrack`, in table raw
    untracked_egress: tuple[Policy, ...] = ()
    pre_dnat: tuple[Policy, ...] = ()  # policies with `preDNAT`, in table mangle
    profiles: tuple[Profile, ...] = ()

    def endpoints(self, table: Table = "filter") -> tuple[Endpoint, ...]:
        """What applies in a table: in `filter` first to the node's own processes, then to what it forwards."""
        if table == "raw":
            return (Endpoint(self.interface, self.untracked_ingress, self.untracked_egress),)
        if table == "mangle":
            return (Endpoint(self.interface, self.pre_dnat, self.egress, self.profiles),)
        return (
            Endpoint(self.interface, self.ingress, self.egress, self.profiles),
            Endpoint(self.interface, self.forward_ingress, self.forward_egress),
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A node and the settings of its Felix. Raises ValueError for what Felix of that era cannot do."""

    era: Era
    endpoints: tuple[Endpoint, ...] = ()
    deny_action: str = "DROP"  # or REJECT, since A3
    allow_action: str = "ACCEPT"  # or RETURN
    flow_logs: bool = False  # since D
    mark_mask: int = DEFAULT_MARK_MASK
    pass_tiers: frozenset[str] = frozenset()  # tiers whose default action is Pass, since C
    interface_prefix: str = "cali"
    hosts: tuple[HostEndpoint, ...] = ()
    native: bool = False  # for nftables, which has room for longer names

    def __post_init__(self) -> None:
        if self.deny_action != "DROP" and self.era < Era.A3:
            raise ValueError(f"deny action {self.deny_action} exists since era A3")
        if self.flow_logs and self.era < Era.D:
            raise ValueError("flow logs exist since era D")
        if self.pass_tiers and self.era < Era.C:
            raise ValueError("tiers exist since era C")

    @property
    def marks(self) -> Marks:
        """The mark bits this Felix uses."""
        return Marks.allocate(self.era, self.mark_mask)

    @property
    def longest_endpoint_chain(self) -> int:
        """How long the name of an endpoint's chain can be."""
        return _LONGEST_NATIVE_NAME if self.native else MAX_CHAIN_NAME

    @property
    def longest_policy_chain(self) -> int:
        """The same for policies and profiles; up to v3.29 nftables has no more room for them."""
        return self.longest_endpoint_chain if self.era >= Era.D else MAX_CHAIN_NAME

    @property
    def deny_word(self) -> str:
        """How comments name the deny action."""
        return self.deny_action.capitalize()
