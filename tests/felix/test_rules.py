"""What each era and setting adds to, or takes from, the rules of a chain."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from otel_calico.calico.model import Direction, IPVersion, PolicyKind
from tests.felix import Endpoint, Era, Node, PacketRate, Policy, allow, deny, log, pass_on, render
from tests.felix.example import ALLOW_WEB, DEFAULT_DENY, INTERFACE, varied_node
from tests.felix.policy_chains import policy_chain_name

GNP = PolicyKind.GLOBAL_NETWORK_POLICY
TO_POD, FROM_POD = f"cali-tw-{INTERFACE}", f"cali-fw-{INTERFACE}"
STAGED = replace(DEFAULT_DENY, staged=True)
FIRST_TWO = ["-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-m conntrack --ctstate INVALID -j DROP"]
LAST = '-m comment --comment "Drop if no profiles matched" -j DROP'


def node(era: Era, *ingress: Policy) -> Node:
    return Node(era, (Endpoint(INTERFACE, ingress),))


def rules(node: Node, chain: str, ip_version: IPVersion = IPVersion.V4) -> list[str]:
    """The rules of a chain as printed, without counters, chain and hash."""
    lines = [line for line in render(node, ip_version).dump().splitlines() if f" -A {chain} " in line]
    return [re.sub(r' ?-m comment --comment "cali:[^"]*"', "", line.partition(chain)[2]).strip() for line in lines]


def policy_part(node: Node) -> list[str]:
    """The rules to the pod between the clearing of the marks and the profiles."""
    return rules(node, TO_POD)[3:-1]


def jump(chain: str) -> list[str]:
    accepted = '-m comment --comment "Return if policy accepted" -m mark --mark 0x10000/0x10000 -j RETURN'
    return [f"-m mark --mark 0x0/0x20000 -j {chain}", accepted]


def comment(text: str) -> str:
    return f'-m comment --comment "{text}"'


def start(text: str) -> str:
    return f'-m comment --comment "{text}" -j MARK --set-xmark 0x0/0x20000'


def end(text: str) -> str:
    return f'-m comment --comment "{text}" -m mark --mark 0x0/0x20000 -j DROP'


@pytest.mark.parametrize(
    ("era", "head", "chain", "tail"),
    [
        (Era.A1, [start("Start of policies")], "_QMREAWxglfqoREwyt41", "Drop if no policies passed packet"),
        (Era.B, [], "_QMREAWxglfqoREwyt41", "Drop if no policies passed packet"),
        (Era.C, [start("Start of tier default")], "_Vm_1cJRadOrYgBn0juc", "Drop if no policies passed packet"),
        (Era.D, [start("Start of tier default")], "_Vm_1cJRadOrYgBn0juc",
         "End of tier default. Drop if no policies passed packet"),
    ],
)  # fmt: skip
def test_an_era_marks_the_bounds_of_its_policies(era: Era, head: list[str], chain: str, tail: str) -> None:
    assert policy_part(node(era, ALLOW_WEB)) == [*head, *jump(f"cali-pi-{chain}"), end(tail)]


def test_the_marks_cleared_first_include_pass_since_groups_exist() -> None:
    assert rules(node(Era.A3), TO_POD) == [*FIRST_TWO, "-j MARK --set-xmark 0x0/0x10000", LAST]
    assert rules(node(Era.B), TO_POD) == [*FIRST_TWO, "-j MARK --set-xmark 0x0/0x30000", LAST]


def test_consecutive_policies_with_one_selector_share_a_chain_since_b() -> None:
    assert len([rule for rule in policy_part(node(Era.A3, ALLOW_WEB, DEFAULT_DENY)) if "-j cali-pi-" in rule]) == 2
    group = policy_part(node(Era.B, ALLOW_WEB, DEFAULT_DENY))[0].rpartition(" ")[2]
    assert group.startswith("cali-gi-")
    assert rules(node(Era.B, ALLOW_WEB, DEFAULT_DENY), group) == [
        "-j cali-pi-_QMREAWxglfqoREwyt41",
        f"-m mark --mark 0x0/0x30000 -j {policy_chain_name(DEFAULT_DENY, Direction.INGRESS, Era.B)}",
    ]
    apart = (ALLOW_WEB, Policy(GNP, "default.x", selector="x"), DEFAULT_DENY)
    assert not [name for name in render(node(Era.B, *apart)).chains if name.startswith("cali-gi-")]


def test_a_group_of_seven_checks_for_a_verdict_before_its_sixth() -> None:
    chains = render(varied_node(Era.E)).chains
    group = next(name for name in chains if name.startswith("cali-gi-"))
    marked = "-m mark --mark 0x0/0x30000 "
    jumps = [f"-j cali-pi-gnp/default.p{place}" for place in range(1, 8)]
    verdict = '-m comment --comment "Return on verdict" -m mark ! --mark 0x0/0x30000 -j RETURN'
    expected = [jumps[0], *(marked + jump for jump in jumps[1:5]), verdict, jumps[5], marked + jumps[6]]
    assert rules(varied_node(Era.E), group) == expected


def test_a_tier_that_passes_by_default_logs_instead_of_dropping() -> None:
    quiet = replace(node(Era.E, ALLOW_WEB), pass_tiers=frozenset({"default"}))
    assert policy_part(quiet) == [start("Start of tier default"), *jump("cali-pi-_l7X9Omtz7dibbh9L3Lp")]
    logged = '-m mark --mark 0x0/0x20000 -j NFLOG --nflog-prefix "PPI|default" --nflog-group 1 --nflog-size 80'
    assert policy_part(replace(quiet, flow_logs=True))[:-1] == [*policy_part(quiet), logged]


def test_staged_policies_are_not_programmed() -> None:
    assert policy_part(node(Era.E, STAGED)) == [start("Start of tier default")]
    assert policy_part(node(Era.C, STAGED)) == []
    assert policy_part(node(Era.D, ALLOW_WEB, STAGED)) == policy_part(node(Era.D, ALLOW_WEB))


def test_actions_are_written_as_the_era_does() -> None:
    policy = Policy(GNP, "p", ingress=(log("tcp"), deny("tcp", 22), pass_on("tcp", 80, 443), allow()))
    naming = '-m comment --comment "Policy p ingress"'
    logged = '-j LOG --log-prefix "calico-packet: " --log-level 5'
    passed = ["-p tcp -m multiport --dports 80,443 -j MARK --set-xmark 0x20000/0x20000",
              "-m mark --mark 0x20000/0x20000 -j RETURN"]  # fmt: skip
    accepted = ["-j MARK --set-xmark 0x10000/0x10000", "-m mark --mark 0x10000/0x10000 -j RETURN"]
    denied = "-p tcp -m multiport --dports 22 -j DROP"
    marked = ["-p tcp -m multiport --dports 22 -j MARK --set-xmark 0x40000/0x40000",
              "-m mark --mark 0x40000/0x40000 -j DROP"]  # fmt: skip
    assert rules(node(Era.A1, policy), "cali-pi-p") == [f"-p tcp {logged}", denied, *passed, *accepted]
    assert rules(node(Era.A2, policy), "cali-pi-p") == [f"-p tcp {naming} {logged}", denied, *passed, *accepted]
    assert rules(node(Era.B, policy), "cali-pi-p") == [f"-p tcp {naming} {logged}", denied, *passed, accepted[0]]
    assert rules(node(Era.D, policy), "cali-pi-default/p") == [
        f"-p tcp {naming} {logged}", *marked, *passed, accepted[0]
    ]  # fmt: skip


def test_rules_are_for_the_sources_of_their_ip_version() -> None:
    policy = Policy(GNP, "p", ingress=(allow("tcp", 80, sources=("10.0.0.0/8", "172.16.0.0/12", "fd00::/8")),
                                       deny(sources=("10.1.0.0/16",))))  # fmt: skip
    naming = '-m comment --comment "Policy p ingress"'
    assert rules(node(Era.A2, policy), "cali-pi-p") == [
        f"{naming} -j MARK --set-xmark 0x0/0xc0000",
        "-s 10.0.0.0/8 -j MARK --set-xmark 0x40000/0x40000",
        "-s 172.16.0.0/12 -j MARK --set-xmark 0x40000/0x40000",
        "-p tcp -m multiport --dports 80 -m mark --mark 0x40000/0x40000 -j MARK --set-xmark 0x10000/0x10000",
        "-m mark --mark 0x10000/0x10000 -j RETURN",
        "-s 10.1.0.0/16 -j DROP",
    ]
    assert rules(node(Era.A2, policy), "cali-pi-p", IPVersion.V6) == [
        f"-s fd00::/8 -p tcp {naming} -m multiport --dports 80 -j MARK --set-xmark 0x10000/0x10000",
        "-m mark --mark 0x10000/0x10000 -j RETURN",
    ]


def test_settings_change_actions_comments_and_marks() -> None:
    pod = Endpoint(INTERFACE, (ALLOW_WEB,), packet_rate=PacketRate(10, 20))
    other = Node(Era.D, (pod,), deny_action="REJECT", allow_action="RETURN", mark_mask=0xFF000000)
    reject = "-j REJECT --reject-with icmp-port-unreachable"
    clear = f"{comment('Clear egress packet rate limit mark')} -j MARK --set-xmark 0x0/0x8000000"
    within = comment("Mark packets within egress packet rate limit")
    over = comment("Drop packets over egress packet rate limit")
    vxlan = comment("Reject VXLAN encapped packets originating in workloads")
    assert rules(other, FROM_POD) == [
        clear,
        f"{within} -m limit --limit 10/sec --limit-burst 20 -j MARK --set-xmark 0x8000000/0x8000000",
        f"{over} -m mark ! --mark 0x8000000/0x8000000 -j DROP",
        clear,
        "-m conntrack --ctstate RELATED,ESTABLISHED -j MARK --set-xmark 0x1000000/0x1000000",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        f"-m conntrack --ctstate INVALID {reject}",
        "-j MARK --set-xmark 0x0/0x3000000",
        f"-p udp {vxlan} -m multiport --dports 4789 {reject}",
        f"-p ipencap {comment('Reject IPinIP encapped packets originating in workloads')} {reject}",
        f"{comment('Reject if no profiles matched')} {reject}",
    ]
    assert rules(other, TO_POD, IPVersion.V6)[-1].endswith("-j REJECT --reject-with icmp6-port-unreachable")


def test_an_endpoint_that_is_down_has_one_rule_and_pulls_in_no_policy() -> None:
    down = Node(Era.E, (Endpoint(INTERFACE, (ALLOW_WEB,), admin_up=False),))
    assert rules(down, TO_POD) == ['-m comment --comment "Endpoint admin disabled" -j DROP']
    assert not [name for name in render(down).chains if name.startswith("cali-pi-")]


def test_interfaces_that_share_a_next_character_get_a_dispatch_chain_of_their_own() -> None:
    pods = Node(Era.E, tuple(Endpoint(name) for name in ("cali1a", "cali1b", "cali2a")))
    unknown = '-m comment --comment "Unknown interface" -j DROP'
    assert rules(pods, "cali-to-wl-dispatch") == [
        "-o cali1+ -g cali-to-wl-dispatch-1", "-o cali2a -g cali-tw-cali2a", unknown
    ]  # fmt: skip
    assert rules(pods, "cali-from-wl-dispatch-1") == [
        "-i cali1a -g cali-fw-cali1a", "-i cali1b -g cali-fw-cali1b", unknown
    ]  # fmt: skip


@pytest.mark.parametrize(
    "settings", [{"deny_action": "REJECT"}, {"flow_logs": True}, {"pass_tiers": frozenset({"default"})}]
)
def test_what_felix_of_the_era_cannot_do_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="since era"):
        replace(Node(Era.A2), **settings)  # type: ignore[arg-type]
