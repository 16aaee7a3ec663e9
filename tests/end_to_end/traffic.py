"""Packets that tests send, and the series that must come of them on a node of each era."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.end_to_end.cluster import CLIENT, WEB, Workload
from tests.end_to_end.live_node import LiveNode
from tests.felix import Era
from tests.node.service import Labels, Metrics

ALLOW = "default/knp.default.allow-web"
GROUP = "default/knp.default.allow-web,default/knp.default.default-deny"
BLOCK = "default.block-9090"
FETCH = "default/default.fetch-web"
GUARD = "security.guard"

POLICY_METRICS = (
    "no_policy_drop_counter",
    "policy_accept_counter",
    "policy_accept_drop_counter",
    "calico_policy_packets_total",
    "calico_policy_bytes_total",
)
DATAGRAM = {4: 60, 6: 80}
"""Bytes of one packet, by IP version."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets to UDP ports of the web pod, from outside and from the client pod."""

    outside: Mapping[int, int]
    client: Mapping[int, int]

    def send(self, node: LiveNode, ip_version: int) -> None:
        """Send all of them, once."""
        web, client = node.pods[WEB.pod], node.pods[CLIENT.pod]
        for sender, counts in ((node.outside, self.outside), (client, self.client)):
            for port, count in counts.items():
                sender.send_udp(web, port, count, ip_version)

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(_sum(self.outside, other.outside), _sum(self.client, other.client))

    def times(self, factor: int) -> Traffic:
        """The same ways with so many times the packets."""
        counts = ({port: count * factor for port, count in way.items()} for way in (self.outside, self.client))
        return Traffic(*counts)


BoundTraffic = Mapping[int, Traffic]
"""Traffic by IP version."""


def labels(workload: Workload, way: str, ip_version: int = 4, **more: str) -> Labels:
    """The labels of a series of family `accountant`; `way` is its `type`."""
    ip = f"{workload.ipv4},{workload.ipv6}"
    names = {"app": workload.app, "ip": ip, "pod": workload.pod, "pod_namespace": "default", "type": way, **more}
    return frozenset((names | ({"ip_version": "6"} if ip_version == 6 else {})).items())


def policy_labels(name: str, kind: str, verdict: str, way: str = "ingress") -> Labels:
    """The labels of a series of family `policy` at `/metrics`."""
    namespace, _, bare = name.rpartition("/")
    names = {
        "calico_policy_name": name,
        "calico_policy_kind": kind,
        "calico_policy_namespace": namespace,
        "calico_policy_tier": "security" if bare.startswith("security.") else "default",
        "calico_direction": way,
        "calico_verdict": verdict,
    }
    return frozenset(names.items())


def filled(series: Mapping[Labels, float]) -> dict[Labels, float]:
    """Series as Prometheus stores them: a label without a value is no label."""
    return {frozenset(pair for pair in labels if pair[1]): value for labels, value in series.items()}


def expected(era: Era, ever: BoundTraffic, since_start: BoundTraffic) -> Metrics:
    """All policy series: kernel's values after the traffic there ever was, the others after that since the start."""
    series: Metrics = {name: {} for name in POLICY_METRICS}
    for ip_version, traffic in ever.items():
        series["no_policy_drop_counter"] |= _drops(era, ip_version, traffic)
        series["policy_accept_counter"] |= _accepts(era, ip_version, traffic)
    for ip_version, traffic in since_start.items():
        series["policy_accept_drop_counter"] |= _denials(era, ip_version, traffic)
    counts = {ip_version: _decided(era, traffic) for ip_version, traffic in since_start.items()}
    for key in counts[4]:
        series["calico_policy_packets_total"][key] = sum(count[key] for count in counts.values())
        series["calico_policy_bytes_total"][key] = sum(count[key] * DATAGRAM[v] for v, count in counts.items())
    return series


def _drops(era: Era, ip_version: int, traffic: Traffic) -> dict[Labels, int]:
    unmatched, unguarded = traffic.outside[5353], traffic.outside[6666]
    if era < Era.C:  # no tier: what the guard would have stopped matches no policy
        unmatched += unguarded + traffic.outside[7070]
    drops = {
        labels(WEB, "tw", ip_version): unmatched,
        labels(CLIENT, "fw", ip_version): traffic.client[53],
    }
    return drops | ({labels(WEB, "tw", ip_version, tier="security"): unguarded} if era >= Era.C else {})


def _accepts(era: Era, ip_version: int, traffic: Traffic) -> dict[Labels, int]:
    allowed = GROUP if era >= Era.E else ALLOW
    accepts = {
        labels(WEB, "tw", ip_version, policy=BLOCK): 0,
        labels(WEB, "tw", ip_version, policy=allowed): traffic.outside[8080] + traffic.client[8080],
        labels(CLIENT, "fw", ip_version, policy=FETCH): traffic.client[8080],
    }
    return accepts | ({labels(WEB, "tw", ip_version, policy=GUARD): 0} if era >= Era.C else {})


def _denials(era: Era, ip_version: int, traffic: Traffic) -> dict[Labels, int]:
    denials = {labels(WEB, "tw", ip_version, policy=BLOCK): traffic.outside[9090]}
    guarded = {labels(WEB, "tw", ip_version, policy=GUARD): traffic.outside[7070]}
    return denials | (guarded if era >= Era.C else {})


def _decided(era: Era, traffic: Traffic) -> dict[Labels, int]:
    """What rules of policies decided, by the labels of family `policy`."""
    web = traffic.outside[8080] + traffic.client[8080]
    decided = {
        policy_labels(BLOCK, "GlobalNetworkPolicy", "deny"): traffic.outside[9090],
        policy_labels(ALLOW, "KubernetesNetworkPolicy", "allow"): web,
        policy_labels(FETCH, "NetworkPolicy", "allow", "egress"): traffic.client[8080],
    }
    if era >= Era.C:
        passed = web + traffic.outside[9090] + traffic.outside[5353]
        decided[policy_labels(GUARD, "GlobalNetworkPolicy", "deny")] = traffic.outside[7070]
        decided[policy_labels(GUARD, "GlobalNetworkPolicy", "pass")] = passed
    return decided


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> Mapping[int, int]:
    return {port: one.get(port, 0) + other.get(port, 0) for port in (*one, *other)}
