"""One sentence that says what happened to the packets of one endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otel_calico.calico.chains import ALL_INTERFACES
from otel_calico.calico.model import Direction, IPVersion, Verdict
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.explain.counts import Count, Trust
from otel_calico.explain.path import DropStep, EndpointPath, EndpointTraffic, InterfaceTotals, PolicyStep, TierStep

_REASONS = {
    "admin_disabled": "because the endpoint is disabled",
    "conntrack_invalid": "because connection tracking calls {packets} invalid",
    "encap": "because workloads may not send {detail}",
    "packet_rate": "because they were over its packet rate limit",
    "connection_limit": "because they were over its connection limit",
    "no_profile": "because no profile accepted {packets}",
    "other": "by rule {rule}",
    "short_packet": "because they were too short",
    "checksum": "because their checksum was wrong",
    "ip_options": "because they had IP options",
    "malformed": "because they were malformed",
    "encapsulation_failed": "because they could not be encapsulated",
    "decapsulation_failed": "because they could not be taken out of their tunnel",
    "unauthorized_source": "because their sender may not send {packets}",
    "unknown_route": "because no route leads to where they go",
    "blackhole_route": "because they go to an address of no workload",
    "unresolved": "because the next hop's address is not known yet",
    "conntrack_failed": "because their connection could not be tracked",
    "fragment_incomplete": "because fragments of {packets} were missing",
    "fragment_out_of_order": "because fragments of {packets} came out of order",
    "fragment_unsupported": "because they were fragments",
    "no_maglev_backend": "because the service had no backend",
    "no_vxlan_host_address": "because the node has no address for VXLAN",
}
"""Why a rule outside the tiers drops, as the end of a sentence."""

_ENCAPSULATIONS = {"vxlan": "VXLAN", "ipip": "IP in IP"}


def conclusion(path: EndpointPath, since: str = "", in_force: TablesInForce | None = None) -> str:
    """What matters most about a path: the largest drop; without one, what may have been denied, or was accepted.

    With `since` (a time of day) it speaks of what moved since the former look. `in_force` tells of former tables.
    """
    found = _of_path(path, since)
    return f"{found} {in_force.aside}" if in_force else found


def _of_path(path: EndpointPath, since: str) -> str:
    in_all = not since
    traffic = traffic_of(path.endpoint)
    if path.totals:
        sentence = _of_interface(path, path.totals, in_all=in_all)
        return f"Since {since} {sentence}" if since else sentence[0].upper() + sentence[1:]
    packets, text = _largest(_drops(path, in_all=in_all))
    possible, suspect = _largest(_possible_denies(path, in_all=in_all))
    if packets:
        sentence = f"{_number(packets)} {traffic} {'was' if packets == 1 else 'were'} {text}."
    elif possible:
        reason = "no rule counts those of one endpoint"
        sentence = f"up to {_number(possible)} {traffic} may have been denied by {suspect}: {reason}."
    elif path.unread:
        rules = f"{path.unread} rule{'' if path.unread == 1 else 's'} of chain {path.endpoint.chain} could not be read"
        sentence = f"whether packets {traffic} were dropped is not known: {rules}."
    else:
        sentence = f"no packet {traffic} {_without_drops(path, in_all=in_all)}."
    return f"Since {since} {sentence}" if since else sentence[0].upper() + sentence[1:]


def traffic_of(endpoint: EndpointTraffic) -> str:
    """Whose packets these are: `to shop/web`, `from shop/web over IPv6`."""
    over = " over IPv6" if endpoint.ip_version is IPVersion.V6 else ""
    if endpoint.traffic:
        way = "that came in through" if endpoint.direction is Direction.INGRESS else "that went out through"
        return f"{way} {_interface(endpoint)} ({endpoint.traffic}){over}"
    return f"{'to' if endpoint.direction is Direction.INGRESS else 'from'} {endpoint.name}{over}"


def _interface(endpoint: EndpointTraffic) -> str:
    if endpoint.host_endpoint:
        return f"host endpoint {endpoint.host_endpoint}"
    return "all interfaces" if endpoint.interface == ALL_INTERFACES else f"interface {endpoint.interface}"


def because_of(drop: DropStep, packets: str = "them") -> str:
    """Why a rule outside the tiers drops packets, as the end of a sentence that calls them so."""
    detail = _ENCAPSULATIONS.get(drop.detail, drop.detail)
    return _REASONS[drop.reason].format(detail=detail, packets=packets, rule=drop.rule)


def _of_interface(path: EndpointPath, totals: InterfaceTotals, *, in_all: bool) -> str:
    """Where the steps count for the whole node: what the interface counted, and where it must have been."""
    dropped, accepted = (_packets(count, in_all=in_all) for count in (totals.dropped, totals.accepted))
    traffic = traffic_of(path.endpoint)
    let_in = f"{accepted:,} accepted" if accepted else "none accepted"
    if not dropped:
        return f"no packet {traffic} was dropped by policy, and {let_in}."
    where = f" {totals.only}" if totals.only else " by policy: which of it, only the counts of the whole node tell"
    return f"{_number(dropped)} {traffic} {'was' if dropped == 1 else 'were'} dropped{where}; {let_in}."


def _drops(path: EndpointPath, *, in_all: bool) -> Iterator[tuple[int, str]]:
    """Numbers of dropped packets, each with the rest of the sentence about them."""
    for tier in path.tiers:
        if tier.dropped:
            packets = _packets(tier.dropped, in_all=in_all)
            yield packets, f"dropped at the end of tier {tier.name}: {_undecided_by(tier, path.endpoint, packets)}"
        for step in tier.policies:
            if step.denied and _is_known(step.denied, in_all=in_all):
                yield _packets(step.denied, in_all=in_all), f"denied by {_policy(step)}"
    for profile in path.profiles:
        if profile.denied and _is_known(profile.denied, in_all=in_all):
            yield _packets(profile.denied, in_all=in_all), f"denied by profile {profile.name}"
    for drop in path.drops:
        packets = _packets(drop.dropped, in_all=in_all)
        yield packets, f"dropped {because_of(drop, _pronoun(packets))}"


def _possible_denies(path: EndpointPath, *, in_all: bool) -> Iterator[tuple[int, str]]:
    """How many packets each policy has denied at most, where nothing tells how many it did."""
    for step in (step for tier in path.tiers for step in tier.policies):
        if not (step.denied and _is_known(step.denied, in_all=in_all)):
            denies = [member.verdicts[Verdict.DENY] for member in step.members if Verdict.DENY in member.verdicts]
            of_node = sum(_packets(count, in_all=in_all) for count in denies)
            not_accepted = _packets(step.entered, in_all=in_all) - _packets(step.accepted, in_all=in_all)
            if step.denied_or_passed and _is_known(step.denied_or_passed, in_all=in_all):
                not_accepted = min(not_accepted, _packets(step.denied_or_passed, in_all=in_all))
            is_whole = all(member.is_whole for member in step.members)
            yield min(of_node, not_accepted) if is_whole else not_accepted, _policy(step)


def _is_known(count: Count, *, in_all: bool) -> bool:
    return count.trust is not Trust.UNRELIABLE if in_all else count.moved is not None


def _largest(numbers: Iterable[tuple[int, str]]) -> tuple[int, str]:
    return max(numbers, key=lambda one: one[0], default=(0, ""))


def _number(packets: int) -> str:
    return f"{packets:,} packet{'' if packets == 1 else 's'}"


def _undecided_by(tier: TierStep, endpoint: EndpointTraffic, packets: int) -> str:
    members, way = tier.members, endpoint.direction.value
    if len(members) == 1:
        return f"its only {way} policy, {members[0].name}, did not accept {_pronoun(packets)}"
    return f"none of its {len(members)} {way} policies accepted {_pronoun(packets)}"


def _policy(step: PolicyStep) -> str:
    if not step.is_group:
        return f"policy {step.name}"
    return f"a policy of the group {', '.join(member.name for member in step.members)}"


def _without_drops(path: EndpointPath, *, in_all: bool) -> str:
    accepted = {
        "policies": sum(_packets(step.accepted, in_all=in_all) for tier in path.tiers for step in tier.policies),
        "profiles": sum(_packets(profile.accepted, in_all=in_all) for profile in path.profiles),
    }
    said = [f"{who} accepted {packets:,}" for who, packets in accepted.items() if packets]
    if said:
        return f"was dropped: {' and '.join(said)}"
    if path.endpoint.key and path.endpoint.key.words and not path.tiers:
        return "was dropped"  # profiles apply in table filter alone
    return "has met its policies" if path.tiers else "has met its profiles, and no policy applies"


def _packets(count: Count | None, *, in_all: bool) -> int:
    if count is None:
        return 0
    if in_all:
        return count.total.packets
    return count.moved.packets if count.moved else 0


def _pronoun(packets: int) -> str:
    return "it" if packets == 1 else "them"
