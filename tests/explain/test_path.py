"""Each number of a path says how far it can be trusted, and what moved since the former look."""

from __future__ import annotations

from otel_calico.calico.model import Direction, PolicyKind
from otel_calico.explain.counts import Amount, Count, Trust
from otel_calico.explain.path import EndpointPath
from tests.explain.views import WEB, scan, to_web
from tests.felix import Endpoint, Era, Node, Policy, allow, deny, kubernetes_profiles, pass_on, render
from tests.felix.kernel import Kernel, Packet

UDP = 17
BLOCK = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "block", ingress=(deny(UDP, 9090),))
ALLOW = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "allow", "shop", selector="web", ingress=(allow(UDP, 8080),))
NONE = Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, "none", "shop", selector="web")
FIRST = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "first", selector="new", ingress=(allow(UDP, 1),))
MIXED = Policy(
    PolicyKind.GLOBAL_NETWORK_POLICY, "mixed", selector="m", ingress=(deny(UDP, 9090), pass_on(UDP, 53), allow(UDP, 80))
)
OTHER = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "other", selector="o", ingress=(pass_on(UDP, 54),))


def node(*policies: Policy) -> Node:
    """One pod with these ingress policies."""
    return Node(Era.E, (Endpoint(WEB, ingress=policies, profiles=kubernetes_profiles("shop")),))


def send(kernel: Kernel, counts: dict[int, int]) -> None:
    """UDP packets to the pod: so many to each port."""
    for port, times in counts.items():
        kernel.send(Packet(WEB, Direction.INGRESS, port), times)


def exact(packets: int, moved: int | None = None, trust: Trust = Trust.EXACT) -> Count:
    """Packets of 60 bytes."""
    return Count(Amount(packets, 60 * packets), trust, None if moved is None else Amount(moved, 60 * moved))


def numbers(path: EndpointPath) -> list[tuple[str, Count | None, Count | None, Count | None]]:
    """Name, entered, accepted and denied of each policy."""
    return [(step.name, step.entered, step.accepted, step.denied) for tier in path.tiers for step in tier.policies]


def test_a_path_tells_what_each_policy_and_the_end_of_the_tier_did() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW, NONE)))
    send(kernel, {8080: 7, 9090: 3, 5353: 2})

    path = to_web(kernel)

    assert numbers(path) == [
        ("default.block", exact(12), exact(0), exact(3, trust=Trust.COMPUTED)),
        ("shop/knp.default.allow,shop/knp.default.none", exact(9), exact(7), None),
    ]
    (tier,) = path.tiers
    assert (tier.name, tier.dropped, tier.left) == ("default", exact(2), exact(0))
    assert [profile.name for profile in path.profiles] == ["kns.shop", "ksa.shop.default"]
    group = tier.policies[1]
    assert [list(member.verdicts.values()) for member in group.members] == [[exact(7, trust=Trust.SHARED)], []]


def test_what_moved_is_counted_from_the_former_look() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW)))
    send(kernel, {8080: 7, 9090: 3, 5353: 2})
    former = scan(kernel)
    send(kernel, {8080: 1, 9090: 2})

    assert numbers(to_web(kernel, former)) == [
        ("default.block", exact(15, 3), exact(0, 0), exact(5, 2, Trust.COMPUTED)),
        ("shop/knp.default.allow", exact(10, 1), exact(8, 1), None),
    ]


def test_a_difference_that_a_partial_rewrite_spoilt_is_not_reliable() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW)), "legacy")
    send(kernel, {8080: 7, 9090: 3, 5353: 2})
    former = scan(kernel)
    kernel.write(render(node(BLOCK, FIRST, ALLOW)))
    send(kernel, {8080: 1})

    assert numbers(to_web(kernel, former)) == [
        ("default.block", exact(13, 1), exact(0, 0), exact(12, None, Trust.UNRELIABLE)),
        ("default.first", exact(1, 1), exact(0, 0), None),
        ("shop/knp.default.allow", exact(1, 1), exact(1, 1), None),
    ]


def test_rules_written_anew_count_in_full_and_their_differences_say_nothing_of_the_interval() -> None:
    kernel = Kernel(render(node(BLOCK, ALLOW)))
    send(kernel, {8080: 7, 9090: 3})
    former = scan(kernel)
    kernel.zero()
    send(kernel, {8080: 2, 9090: 1})

    assert numbers(to_web(kernel, former)) == [
        ("default.block", exact(3, 3), exact(0, 0), exact(1, None, Trust.COMPUTED)),
        ("shop/knp.default.allow", exact(2, 2), exact(2, 2), None),
    ]


def test_denies_and_passes_that_nothing_tells_apart_are_given_together() -> None:
    kernel = Kernel(render(node(MIXED, OTHER)))
    send(kernel, {80: 1, 9090: 3, 53: 2, 54: 4})

    mixed, other = to_web(kernel).tiers[0].policies

    assert (mixed.denied, mixed.passed, mixed.denied_or_passed) == (None, None, exact(5, trust=Trust.COMPUTED))
    assert (other.denied, other.passed, other.denied_or_passed) == (None, exact(4, trust=Trust.COMPUTED), None)
    assert (mixed.tells_all, other.tells_all) == (False, True)
