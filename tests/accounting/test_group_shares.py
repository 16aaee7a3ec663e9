"""Who did it in a group: shares of members, booked only when the counters force them."""

from __future__ import annotations

from dataclasses import replace

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, PolicyKind, WorkloadEndpoint
from otel_calico.metrics import WORKLOAD_POLICY
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import ScannedNode
from tests.felix import Endpoint, Era, Node, Policy, PolicyRule, allow, deny, kubernetes_profiles, render
from tests.felix.kernel import Kernel, Packet

UDP = 17
PODS = ("cali1", "cali2")
WORKLOAD = ScanSettings(SeriesChoice(("workload",)))
PACKETS = WORKLOAD_POLICY[0]


def policy(name: str, *rules: PolicyRule, selector: str = "all()") -> Policy:
    return Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, name, "shop", selector=selector, ingress=rules)


WEB, DNS = policy("web", allow(UDP, 80)), policy("dns", allow(UDP, 53))
DENY = policy("deny")


def node_with(*policies: Policy, pods: tuple[str, ...] = PODS) -> Node:
    profiles = kubernetes_profiles("shop")
    return Node(Era.E, tuple(Endpoint(pod, policies, (), profiles) for pod in pods))


class Shop:
    """Two pods of one namespace and the service that watches them."""

    def __init__(self, node: Node, backend: str = "nft") -> None:
        endpoints = (WorkloadEndpoint(pod, "shop", pod) for pod in PODS)
        self.service = ScannedNode(*endpoints, settings=WORKLOAD)
        self.kernel = Kernel(render(node), backend)

    def send(self, pod: str, port: int, times: int = 1) -> None:
        self.kernel.send(Packet(pod, Direction.INGRESS, port), times)

    def look(self, dump: str = "") -> dict[str, int]:
        """Packets by pod, policy (its bare name) and verdict; series at zero left out."""
        found = {}
        for readings in self.service.scan(dump or self.kernel.dump()).readings:
            if readings.series.metric is PACKETS:
                for labels, value in zip(readings.series.labels, readings.values, strict=True):
                    if value:
                        name = labels["calico.policy.name"].replace("shop/knp.default.", "")
                        found[f"{labels['k8s.pod.name']} {name} {labels['calico.verdict']}"] = value
        return found

    def torn(self, *late: tuple[str, int]) -> str:
        """A dump whose group and policy chains were read before these packets passed, and the endpoint chains after."""
        early = self.kernel.dump().split("\n")
        for pod, port in late:
            self.send(pod, port)
        after = self.kernel.dump().split("\n")
        return "\n".join(now if "-A cali-tw-" in now else then for then, now in zip(early, after, strict=True))


def test_the_only_member_that_decided_gets_the_packets_of_every_workload() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.send("cali2", 80, 2)
    assert shop.look() == {"cali1 web allow": 7, "cali2 web allow": 2}


def test_the_only_workload_that_moved_gets_the_packets_of_every_member() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.send("cali1", 53, 2)
    assert shop.look() == {"cali1 web allow": 7, "cali1 dns allow": 2}


def test_what_the_counters_do_not_force_stays_with_the_group_and_the_sum_is_the_kernels_count() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.send("cali1", 53, 1)
    shop.send("cali2", 53, 2)
    # cali1 had 8 of web's 7 and dns's 3: at least 5 are web's and at least 1 is dns's. cali2's 2 may be either's.
    assert shop.look() == {
        "cali1 web allow": 5,
        "cali1 dns allow": 1,
        "cali1 web,dns allow": 2,
        "cali2 web,dns allow": 2,
    }


def test_the_only_member_that_can_allow_gets_the_packets_through_resets_too() -> None:
    shop = Shop(node_with(WEB, DENY))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.look()
    shop.kernel.zero()
    shop.send("cali1", 80, 3)
    assert shop.look() == {"cali1 web allow": 10}


def test_a_member_that_serves_other_workloads_outside_the_group_is_told_apart_by_the_groups_lines() -> None:
    node = node_with(WEB, DNS)
    between = policy("between", allow(UDP, 99), selector="app == 'x'")
    inlined = replace(node.endpoints[1], ingress=(WEB, between, DNS))
    shop = Shop(replace(node, endpoints=(node.endpoints[0], inlined)))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.send("cali2", 53, 2)
    assert shop.look() == {"cali1 web allow": 7, "cali2 dns allow": 2}


def test_members_that_allow_and_deny_are_told_apart_by_their_own_rules() -> None:
    mixed = replace(WEB, ingress=(deny(UDP, 81), allow(UDP, 80)))
    shop = Shop(node_with(mixed, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.send("cali1", 81, 3)
    shop.send("cali1", 53, 2)
    assert shop.look() == {"cali1 web allow": 7, "cali1 dns allow": 2, "cali1 web deny": 3}


def test_packets_on_their_way_during_a_dump_are_nobodys_but_the_groups() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    torn = {"cali1 web,dns allow": 8}
    assert shop.look(shop.torn(("cali1", 53))) == torn
    shop.send("cali1", 80, 2)
    after = {"cali1 web,dns allow": 10}  # the line of dns moves now, for a packet that was counted before
    assert shop.look() == after
    shop.look()  # at rest: all is in step again
    shop.send("cali1", 80, 4)
    assert shop.look() == {**after, "cali1 web allow": 4}


def test_a_first_dump_with_packets_on_their_way_is_no_start_for_shares() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look(shop.torn(("cali2", 53)))
    shop.send("cali1", 80, 7)
    assert shop.look(shop.torn(("cali1", 80))) == {"cali1 web,dns allow": 8}


def test_a_reset_leaves_the_interval_to_the_group_and_the_next_one_too() -> None:
    shop = Shop(node_with(WEB, DNS))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.look()
    shop.kernel.zero()
    shop.send("cali1", 80, 3)
    assert shop.look() == {"cali1 web allow": 7, "cali1 web,dns allow": 3}
    shop.look()
    shop.send("cali1", 80, 2)
    assert shop.look() == {"cali1 web allow": 9, "cali1 web,dns allow": 3}


def test_a_policy_keeps_its_count_when_it_joins_or_leaves_a_group() -> None:
    shop = Shop(node_with(WEB))
    shop.look()
    shop.send("cali1", 80, 7)
    shop.look()
    shop.kernel.write(render(node_with(WEB, DNS)))
    shop.look()
    shop.look()
    shop.send("cali1", 80, 2)
    assert shop.look() == {"cali1 web allow": 9}
    shop.kernel.write(render(node_with(WEB)))
    shop.look()
    shop.send("cali1", 80, 1)
    assert shop.look() == {"cali1 web allow": 10}


def test_a_policy_that_lost_its_allow_rule_is_not_cleared_of_what_it_allowed_before() -> None:
    shop = Shop(node_with(WEB, DNS), "legacy")
    shop.look()
    shop.send("cali1", 53, 5)
    shop.kernel.write(render(node_with(WEB, replace(DNS, ingress=()))))
    assert shop.look() == {"cali1 web,dns allow": 5}


def test_members_are_given_no_more_than_the_group_did_though_a_packet_passed_between_two_lines_of_the_dump() -> None:
    web, dns = (replace(one, ingress=(*one.ingress, deny(UDP, 9))) for one in (WEB, DNS))
    shop = Shop(node_with(web, dns))
    shop.look()
    shop.send("cali1", 80, 7)
    lines = shop.kernel.dump().split("\n")
    accepted = next(
        place for place, line in enumerate(lines) if "-A cali-tw-cali1" in line and "Return if policy accepted" in line
    )
    lines[accepted] = lines[accepted].replace("[7:420]", "[6:360]")
    assert shop.look("\n".join(lines)) == {"cali1 web,dns allow": 6, "cali1 web,dns deny": 1}
