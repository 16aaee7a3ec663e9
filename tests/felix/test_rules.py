"""What Felix writes for settings and policies that no recording has, and names of its own tests."""

from __future__ import annotations

import re
from dataclasses import replace

from otel_calico.calico.model import IPVersion, PolicyKind
from tests.felix import Endpoint, Era, Node, PacketRate, Policy, allow, deny, render
from tests.felix.example import ALLOW_WEB, DEFAULT_DENY, INTERFACE, varied_node
from tests.felix.nflog import shortened

GNP = PolicyKind.GLOBAL_NETWORK_POLICY
TO_POD, FROM_POD = f"cali-tw-{INTERFACE}", f"cali-fw-{INTERFACE}"
STAGED = replace(DEFAULT_DENY, staged=True)


def node(era: Era, *ingress: Policy) -> Node:
    return Node(era, (Endpoint(INTERFACE, ingress),))


def rules(node: Node, chain: str, ip_version: IPVersion = IPVersion.V4) -> list[str]:
    """The rules of a chain as printed, without counters, chain and hash; its free comments as `[text]`."""
    lines = [line for line in render(node, ip_version).dump().splitlines() if f" -A {chain} " in line]
    bare = [re.sub(r' ?-m comment --comment "cali:[^"]*"', "", line.partition(chain)[2]).strip() for line in lines]
    return [re.sub(r'-m comment --comment "([^"]*)"', r"[\1]", line) for line in bare]


def test_policies_with_one_selector_share_no_chain_where_another_stands_between() -> None:
    apart = (ALLOW_WEB, Policy(GNP, "default.x", selector="x"), DEFAULT_DENY)
    assert not [name for name in render(node(Era.B, *apart)).chains if name.startswith("cali-gi-")]


def test_a_group_of_seven_checks_for_a_verdict_before_its_sixth() -> None:
    group = next(name for name in render(varied_node(Era.E)).chains if name.startswith("cali-gi-"))
    undecided = "-m mark --mark 0x0/0x30000 "
    jumps = [f"-j cali-pi-gnp/default.p{place}" for place in range(1, 8)]
    verdict = "[Return on verdict] -m mark ! --mark 0x0/0x30000 -j RETURN"
    expected = [jumps[0], *(undecided + jump for jump in jumps[1:5]), verdict, jumps[5], undecided + jumps[6]]
    assert rules(varied_node(Era.E), group) == expected


def test_staged_policies_are_not_programmed() -> None:
    start = "[Start of tier default] -j MARK --set-xmark 0x0/0x20000"
    assert rules(node(Era.E, STAGED), TO_POD)[3:-1] == [start]
    assert rules(node(Era.C, STAGED), TO_POD) == rules(node(Era.C), TO_POD)
    assert rules(node(Era.D, ALLOW_WEB, STAGED), TO_POD) == rules(node(Era.D, ALLOW_WEB), TO_POD)


def test_rules_are_for_the_sources_of_their_ip_version() -> None:
    policy = Policy(GNP, "p", ingress=(allow("tcp", 80, sources=("10.0.0.0/8", "172.16.0.0/12", "fd00::/8")),
                                       deny(sources=("10.1.0.0/16",))))  # fmt: skip
    assert rules(node(Era.A2, policy), "cali-pi-p") == [
        "[Policy p ingress] -j MARK --set-xmark 0x0/0xc0000",
        "-s 10.0.0.0/8 -j MARK --set-xmark 0x40000/0x40000",
        "-s 172.16.0.0/12 -j MARK --set-xmark 0x40000/0x40000",
        "-p tcp -m multiport --dports 80 -m mark --mark 0x40000/0x40000 -j MARK --set-xmark 0x10000/0x10000",
        "-m mark --mark 0x10000/0x10000 -j RETURN",
        "-s 10.1.0.0/16 -j DROP",
    ]
    assert rules(node(Era.A2, policy), "cali-pi-p", IPVersion.V6) == [
        "-s fd00::/8 -p tcp [Policy p ingress] -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000",
        "-m mark --mark 0x10000/0x10000 -j RETURN",
    ]


def test_packet_rates_and_the_allow_action_come_first() -> None:
    pod = Endpoint(INTERFACE, packet_rate=PacketRate(10, 20))
    clear = "[Clear egress packet rate limit mark] -j MARK --set-xmark 0x0/0x80000"
    limit = "-m limit --limit 10/sec --limit-burst 20 -j MARK --set-xmark 0x80000/0x80000"
    assert rules(Node(Era.D, (pod,), allow_action="RETURN"), FROM_POD)[:6] == [
        clear,
        f"[Mark packets within egress packet rate limit] {limit}",
        "[Drop packets over egress packet rate limit] -m mark ! --mark 0x80000/0x80000 -j DROP",
        clear,
        "-m conntrack --ctstate RELATED,ESTABLISHED -j MARK --set-xmark 0x10000/0x10000",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    ]


def test_an_endpoint_that_is_down_has_one_rule_and_pulls_in_no_policy() -> None:
    down = Node(Era.E, (Endpoint(INTERFACE, (ALLOW_WEB,), admin_up=False),))
    assert rules(down, TO_POD) == ["[Endpoint admin disabled] -j DROP"]
    assert not [name for name in render(down).chains if name.startswith("cali-pi-")]


def test_interfaces_that_share_a_next_character_get_a_dispatch_chain_of_their_own() -> None:
    pods = Node(Era.E, tuple(Endpoint(name) for name in ("cali1a", "cali1b", "cali2a")))
    unknown = "[Unknown interface] -j DROP"
    to_root = ["-o cali1+ -g cali-to-wl-dispatch-1", "-o cali2a -g cali-tw-cali2a", unknown]
    assert rules(pods, "cali-to-wl-dispatch") == to_root
    from_child = ["-i cali1a -g cali-fw-cali1a", "-i cali1b -g cali-fw-cali1b", unknown]
    assert rules(pods, "cali-from-wl-dispatch-1") == from_child


def test_a_long_flow_log_prefix_keeps_its_ends_as_in_felixs_own_test() -> None:
    long = "DPE1|quite-a-long-namespace/quite-a-long-tier-name.quite-a-long-policy-name"
    assert shortened(long) == "DPE1|quite_nnW4FYptgISH4G3jdI6KJWVcEx19s0BDp2On0wVAY_olicy-name"
