"""The catalogue of policy metrics: every name, unit, label and help text users rely on, in one place.

Two kinds of counter, and each metric is one of them (docs/metrics.md):

* *kernel's value*: each series is fed by one rule and carries its raw counter, so a restart of otel-calico is
  never seen as a counter reset;
* *since the start*: computed from several rules by per-rule deltas while this process lives.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PACKETS = "Policy rules see new connections, about one packet each; established traffic is accepted before them."
RAW = "Raw counter of one rule."
KERNEL_VALUE = "Raw counter of one rule; with eBPF counted since otel-calico started."
SINCE_START = "Counted since otel-calico started."


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One policy metric, compared by identity.

    `name` is the OpenTelemetry instrument name, `exposed` its name at `/metrics`.
    """

    name: str
    exposed: str
    family: str
    unit: str
    help: str
    gauge: bool = False

    @property
    def counts_bytes(self) -> bool:
        """True for counters of bytes, false for those of packets."""
        return self.unit == "By"


NO_POLICY_DROP = Metric(
    name="no_policy_drop_counter",
    exposed="no_policy_drop_counter",
    family="accountant",
    unit="{packet}",
    help="Packets dropped to (tw) or from (fw) a workload because no policy of a tier passed them. "
    f"{KERNEL_VALUE} {FIRST_PACKETS}",
)
POLICY_ACCEPT = Metric(
    name="policy_accept_counter",
    exposed="policy_accept_counter",
    family="accountant",
    unit="{packet}",
    help="Packets a policy accepted to (tw) or from (fw) a workload; policies that share a selector and are "
    f"counted as one are joined with commas. {KERNEL_VALUE} {FIRST_PACKETS}",
)
POLICY_ACCEPT_DROP = Metric(
    name="policy_accept_drop_counter",
    exposed="policy_accept_drop_counter",
    family="accountant",
    unit="{packet}",
    help="Packets a deny rule of a policy dropped to (tw) or from (fw) a workload, where exact. "
    f"{SINCE_START} {FIRST_PACKETS}",
)
DROPPED_SCRAPE = Metric(
    name="calico_accountant_dropped_scrape",
    exposed="calico_accountant_dropped_scrape",
    family="accountant",
    unit="{scan}",
    help=f"Scans left out because no kernel's value reached MINIMUM_COUNTER. {SINCE_START}",
)
"""Always there: it counts scans, not rules."""

POLICY_PACKETS = Metric(
    name="calico.policy.packets",
    exposed="calico_policy_packets_total",
    family="policy",
    unit="{packet}",
    help="Packets that rules of a policy decided on this node, all endpoints and IP versions together. "
    f"{SINCE_START} {FIRST_PACKETS}",
)
POLICY_BYTES = Metric(
    name="calico.policy.bytes",
    exposed="calico_policy_bytes_total",
    family="policy",
    unit="By",
    help="Bytes of the packets that rules of a policy decided on this node, all endpoints and IP versions "
    f"together. {SINCE_START} {FIRST_PACKETS}",
)
POLICY_GROUP_INFO = Metric(
    name="calico.policy.group.info",
    exposed="calico_policy_group_info",
    family="policy",
    unit="",
    help="Members of a policy group chain, which Felix makes of consecutive policies with one selector: 1 per "
    "group and member, with the member's place in the order of evaluation.",
    gauge=True,
)
POLICY_LAST_HIT = Metric(
    name="calico.policy.last_hit.time",
    exposed="calico_policy_last_hit_time_seconds",
    family="policy",
    unit="s",
    help="When a rule of a policy last decided about a packet on this node: Unix time of the scan that first saw it; "
    "0 if none did since otel-calico started.",
    gauge=True,
)


def _packets_and_bytes(name: str, family: str, what: str, meaning: str) -> tuple[Metric, Metric]:
    """The two metrics that count the same packets."""
    exposed = name.replace(".", "_")
    return (
        Metric(f"{name}.packets", f"{exposed}_packets_total", family, "{packet}", f"Packets {what} {meaning}"),
        Metric(f"{name}.bytes", f"{exposed}_bytes_total", family, "By", f"Bytes of packets {what} {meaning}"),
    )


WORKLOAD_POLICY = _packets_and_bytes(
    "calico.workload.policy",
    "workload",
    "that a policy allowed, denied or passed on at a workload, where exact. Of policies that share a selector each has "
    "what is proven to be its own, and the rest is on their names joined with commas.",
    f"{SINCE_START} {FIRST_PACKETS}",
)
NODE_DROPPED = _packets_and_bytes(
    "calico.node.dropped",
    "policy",
    "that Calico dropped on this node and that are no policy's and no known workload's or host endpoint's: see reason.",
    f"{KERNEL_VALUE} Reason former_backend counts since otel-calico started. With eBPF packets alone, and ends of "
    "tiers are those of all endpoints.",
)
WORKLOAD_DROPPED = _packets_and_bytes(
    "calico.workload.dropped",
    "workload",
    "to or from a workload or host endpoint that no policy rule denied but something else dropped: see reason.",
    f"{KERNEL_VALUE} Reason profile is computed from several rules, and counted since otel-calico started.",
)
WORKLOAD_ACCEPTED = Metric(
    "calico.workload.accepted.packets",
    "calico_workload_accepted_packets_total",
    "workload",
    "{packet}",
    "Packets to or from a workload or host endpoint that its policies and profiles together accepted; with eBPF alone. "
    f"{SINCE_START} {FIRST_PACKETS}",
)
WORKLOAD_ESTABLISHED = _packets_and_bytes(
    "calico.workload.established",
    "workload",
    "of established connections, accepted before any policy. Between two pods of one node only the sender counts them.",
    RAW,
)
RULE = _packets_and_bytes(
    "calico.rule",
    "rule",
    "that one rule of a policy decided on this node, all endpoints together.",
    f"{KERNEL_VALUE} {FIRST_PACKETS} calico.rule.index is the rule's place in the policy, from 0, where Calico writes "
    "flow logs; elsewhere its place among the rules written for this IP version.",
)

POLICY_METRICS = (
    NO_POLICY_DROP,
    POLICY_ACCEPT,
    POLICY_ACCEPT_DROP,
    POLICY_PACKETS,
    POLICY_BYTES,
    POLICY_GROUP_INFO,
    POLICY_LAST_HIT,
    *NODE_DROPPED,
    *WORKLOAD_POLICY,
    *WORKLOAD_DROPPED,
    WORKLOAD_ACCEPTED,
    *WORKLOAD_ESTABLISHED,
    *RULE,
)
FAMILIES = ("accountant", "policy", "workload", "rule")
DEFAULT_FAMILIES = ("accountant", "policy")
