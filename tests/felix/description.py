"""What a node runs, in a few words: endpoints, their ordered policies and profiles, and Felix's settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from otel_calico.calico import model
from otel_calico.calico.chains import programmed_name
from otel_calico.calico.model import Direction, PolicyKind
from tests.felix.eras import DEFAULT_MARK_MASK, Era, Marks


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
    profiles: tuple[Profile, ...] = ()

    @property
    def local(self) -> Endpoint:
        """What applies to the traffic of the node's own processes."""
        return Endpoint(self.interface, self.ingress, self.egress, self.profiles)

    @property
    def forwarded(self) -> Endpoint:
        """What applies to the traffic that the node forwards."""
        return Endpoint(self.interface, self.forward_ingress, self.forward_egress)


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
    def deny_word(self) -> str:
        """How comments name the deny action."""
        return self.deny_action.capitalize()
