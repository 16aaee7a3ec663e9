"""What published numbers promise, held against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.felix import Action, Node
from tests.felix.groups import PolicyGroup
from tests.packets.histories import Batch, History
from tests.packets.model import VERDICTS, Decision, Way, canonical, groups_of, joined
from tests.packets.watched import Values, WatchedNode


def look_in_time(watched: WatchedNode, history: History, coming: Iterator[Batch]) -> None:
    """Look before and after each change, and after each batch of packets."""
    for node in history.nodes:
        watched.write(node)
        watched.look()
        shown = watched.look()  # at rest: no packet is on its way
        for _ in range(2):
            before, truth = shown, watched.truth
            known, groups_known = truth.policies.copy(), truth.groups.copy()
            truth.recent.clear()
            watched.send(next(coming))
            shown = watched.look()
            gained = _gained(shown, before)
            assert {own: gain for own, gain in gained.items() if gain < 0} == {}
            _assert_groups_are_conserved(node, gained, truth.groups - groups_known)
            _assert_forced_packets_are_exact(watched, gained, truth.policies - known)
        assert above(shown, watched) == {}


def _gained(now: Values, before: Values) -> Values:
    return {own: value - before.get(own, 0) for own, value in now.items()}


def above(shown: Values, watched: WatchedNode) -> Values:
    """Series that say more than happened, of policies and of groups."""
    truth = watched.truth.groups | watched.truth.policies
    return {own: value for own, value in shown.items() if value > truth[own]}


def _assert_groups_are_conserved(node: Node, gained: Values, truth: Counter[Decision]) -> None:
    """A group and its members together gained what the group decided."""
    for endpoint, direction, group in groups_of(node):
        way = Way(f"pod-{endpoint.interface}", direction.value)
        names = {joined(group), *map(canonical, group.programmed)}
        for verdict in VERDICTS.values():
            own = Decision(way, group.tier, joined(group), verdict)
            if own in gained:
                parts = [gained.get(Decision(way, group.tier, name, verdict), 0) for name in names]
                assert sum(parts) == truth[own], own


def _assert_forced_packets_are_exact(watched: WatchedNode, gained: Values, truth: Counter[Decision]) -> None:
    for endpoint, direction, group in groups_of(watched.node):
        way = Way(f"pod-{endpoint.interface}", direction.value)
        recent = watched.truth.recent.get((way.direction, joined(group)), Counter())
        for policy in group.programmed:
            for verdict in VERDICTS.values():
                own = Decision(way, group.tier, canonical(policy), verdict)
                if own not in gained or Decision(way, group.tier, joined(group), verdict) not in gained:
                    continue
                assert gained[own] <= truth[own]
                if (_one_decided(recent) and _undecided_show(watched.node, group)) or (
                    _one_way(recent) and _allows_alone(group)
                ):
                    assert gained[own] == truth[own], own


def _one_decided(recent: Counter[tuple[Way, str]]) -> bool:
    return len({policy for _, policy in recent}) <= 1


def _one_way(recent: Counter[tuple[Way, str]]) -> bool:
    return len({way for way, _ in recent}) <= 1


def _undecided_show(node: Node, group: PolicyGroup) -> bool:
    """False where the last member may have decided what no rule shows to be undecided."""
    return group.tier not in node.pass_tiers or node.flow_logs or _allows_alone(group)


def _allows_alone(group: PolicyGroup) -> bool:
    """True if the members only allow, as Kubernetes policies do."""
    actions = {rule.action for policy in group.programmed for rule in policy.rules(group.direction)}
    return actions <= {Action.ALLOW}
