"""The way from FORWARD and INPUT to the endpoint chains (`felix/rules/static.go`, `felix/rules/dispatch.go`).

Those of host endpoints are in `host_endpoint_chains`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, takewhile

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import parts
from tests.felix.description import Node
from tests.felix.rule import Chain, Part, Rule

_DISPATCH = {Direction.EGRESS: "cali-from-wl-dispatch", Direction.INGRESS: "cali-to-wl-dispatch"}
_ICMPV6 = 58
_ROUTER_ICMPV6_TYPES = (130, 131, 132, 133, 135, 136)  # multicast listeners, solicitations, neighbours


def hooks(node: Node) -> tuple[Chain, ...]:
    """Rules that Felix puts into the kernel's own chains: those it inserts are hashed apart from the appended."""
    accept = parts.mark_set(node.marks.accept)
    allowed = Rule(parts.allow(node.allow_action), (accept,), ("Policy explicitly accepted packet.",))
    return (
        Chain("OUTPUT", (Rule(parts.jump("cali-OUTPUT")),)),
        Chain("INPUT", (Rule(parts.jump("cali-INPUT")),)),
        Chain("FORWARD", (Rule(parts.jump("cali-FORWARD")),)),
        Chain("FORWARD", (allowed, Rule(parts.set_mark(node.marks.accept))), appended=True),
    )


def dispatch_chains(node: Node, ip_version: IPVersion) -> Iterator[Chain]:
    """Every chain between the hooks and the endpoint chains."""
    yield _forward(node)
    yield _input(node)
    yield _workload_to_host(ip_version)
    yield from _dispatch(node, Direction.EGRESS, ip_version, parts.in_interface)
    yield from _dispatch(node, Direction.INGRESS, ip_version, parts.out_interface)
    yield Chain("cali-cidr-block")
    yield _output(node)


def _forward(node: Node) -> Chain:
    marks = node.marks
    workloads = f"{node.interface_prefix}+"
    return Chain(
        "cali-FORWARD",
        (
            Rule(parts.clear_mark(marks.pass_on | marks.scratch0 | marks.scratch1)),
            Rule(parts.jump("cali-from-hep-forward"), (parts.mark_clear(marks.accept),)),
            Rule(parts.jump(_DISPATCH[Direction.EGRESS]), (parts.in_interface(workloads),)),
            Rule(parts.jump(_DISPATCH[Direction.INGRESS]), (parts.out_interface(workloads),)),
            Rule(parts.jump("cali-to-hep-forward")),
            Rule(parts.jump("cali-cidr-block")),
        ),
    )


def _input(node: Node) -> Chain:
    marks = node.marks
    accepted = (parts.mark_set(marks.accept),)
    allow = parts.allow(node.allow_action)
    return Chain(
        "cali-INPUT",
        (
            Rule(parts.goto("cali-wl-to-host"), (parts.in_interface(f"{node.interface_prefix}+"),)),
            Rule(allow, accepted),
            Rule(parts.clear_mark(marks.accept | marks.pass_on | marks.scratch0 | marks.scratch1)),
            Rule(parts.jump("cali-from-host-endpoint")),
            Rule(allow, accepted, ("Host endpoint policy accepted packet.",)),
        ),
    )


def _output(node: Node) -> Chain:
    marks = node.marks
    accepted = (parts.mark_set(marks.accept),)
    allow = parts.allow(node.allow_action)
    return Chain(
        "cali-OUTPUT",
        (
            Rule(allow, accepted),
            Rule(parts.RETURN, (parts.out_interface(f"{node.interface_prefix}+"),)),
            Rule(parts.clear_mark(marks.accept | marks.pass_on | marks.scratch0 | marks.scratch1)),
            Rule(parts.jump("cali-to-host-endpoint"), (parts.not_conntrack_state("DNAT"),)),
            Rule(allow, accepted, ("Host endpoint policy accepted packet.",)),
        ),
    )


def _workload_to_host(ip_version: IPVersion) -> Chain:
    types = _ROUTER_ICMPV6_TYPES if ip_version is IPVersion.V6 else ()
    icmp = [Rule(parts.ACCEPT, (parts.protocol(_ICMPV6), parts.icmpv6_type(number))) for number in types]
    dispatch = Rule(parts.jump(_DISPATCH[Direction.EGRESS]))
    to_host = Rule(parts.ACCEPT, (), ("Configured DefaultEndpointToHostAction",))
    return Chain("cali-wl-to-host", (*icmp, dispatch, to_host))


def _dispatch(
    node: Node, direction: Direction, ip_version: IPVersion, interface: Callable[[str], Part]
) -> Iterator[Chain]:
    """The root chain; interfaces that share the character after the common prefix get a child chain."""
    root = _DISPATCH[direction]
    unknown = Rule(parts.deny(node.deny_action, ip_version), (), ("Unknown interface",))
    names = sorted(endpoint.interface for endpoint in node.endpoints)
    common = _common_prefix_length(names)
    rules: list[Rule] = []
    for head, members in groupby(names, key=lambda name: name[: common + 1]):
        to_chains = [Rule(parts.goto(WORKLOAD_PREFIXES[direction] + name), (interface(name),)) for name in members]
        if len(to_chains) == 1:
            rules += to_chains
            continue
        child = f"{root}-{head[common:]}"
        rules.append(Rule(parts.goto(child), (interface(f"{head}+"),)))
        yield Chain(child, (*to_chains, unknown))
    yield Chain(root, (*rules, unknown))


def _common_prefix_length(names: list[str]) -> int:
    """How many characters all names of a sorted list share."""
    if not names:
        return 0
    pairs = zip(names[0], names[-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
