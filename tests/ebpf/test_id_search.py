"""Where nobody can read the debug files, ids are found among those that the datastore's policies may have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Policy, PolicyKind
from otel_calico.ebpf.account import EbpfAccount
from otel_calico.ebpf.id_search import IdSearch
from otel_calico.ebpf.state import DebugFiles, EbpfState, Programs
from otel_calico.metrics import FAMILIES, NODE_DROPPED, POLICY_LAST_HIT, POLICY_PACKETS, RULE
from otel_calico.series import Labels
from tests.ebpf.shown import before, read
from tests.recordings.ebpf_states import RecordedState, states

POLICIES = (
    Policy(PolicyKind.NETWORK_POLICY, "shop", "guard", "default"),
    Policy(PolicyKind.NETWORK_POLICY, "shop", "knp.default.allow-web", "default"),
    Policy(PolicyKind.NETWORK_POLICY, "shop", "knp.default.allow-web-metrics", "default"),
    Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "db-only", "default"),
    Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "security.base", "security"),
    Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "", "soft.watch", "soft"),
)
UNREADABLE = Programs(DebugFiles.UNREADABLE, problem="no right")


def datastore(*policies: Policy) -> Lookups:
    lookups = Lookups()
    for policy in policies:
        lookups.put("policies", f"{policy.namespace}/{policy.stored_name}", policy)
    return lookups


def blind(state: EbpfState) -> EbpfState:
    """The same node to somebody who cannot read its debug files."""
    return replace(state, programs=UNREADABLE)


class Looking:
    """An account that looks at a node again and again."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._search = IdSearch()
        self._account = EbpfAccount(lookups, SeriesChoice(families=FAMILIES))
        self._looks = 0

    def look(self, state: EbpfState) -> dict[str, list[tuple[Labels, int]]]:
        """Values by metric and labels."""
        self._looks += 1
        found = self._search.look(state, self._lookups)
        shown: dict[str, list[tuple[Labels, int]]] = {}
        for one in self._account.read(state, found, self._looks):
            pairs = zip(one.series.labels, one.values, strict=True)
            shown.setdefault(one.series.metric.name, []).extend(pairs)
        return shown


@pytest.mark.parametrize("state", states("1-before", "3-edit-before"), ids=str)
def test_policies_are_told_as_with_the_files(state: RecordedState) -> None:
    node, lookups = read(state), datastore(*POLICIES)
    with_files, without = Looking(lookups), Looking(lookups)
    with_files.look(before(node))
    without.look(blind(before(node)))
    told = with_files.look(node)
    without.look(blind(node))
    found = without.look(blind(node))

    def counted(shown: dict[str, list[tuple[Labels, int]]], name: str) -> dict[tuple[tuple[str, str], ...], int]:
        return {tuple(sorted(labels.items())): value for labels, value in shown.get(name, ()) if value}

    for metric in (POLICY_PACKETS, NODE_DROPPED[0]):
        assert counted(found, metric.name) == counted(told, metric.name)
    # Which rule stands at a place nothing tells: it may have been another one a moment ago.
    assert counted(found, RULE[0].name) == {}


def test_before_anything_moved_the_map_may_be_frozen_and_nothing_is_shown() -> None:
    node, looking = blind(read(RecordedState("v3.32.1", "1-before"))), Looking(datastore(*POLICIES))
    for _ in range(3):
        shown = looking.look(node)
    assert POLICY_PACKETS.name not in shown
    assert POLICY_LAST_HIT.name not in shown


def test_with_flow_logs_nothing_is_found_and_nothing_is_guessed() -> None:
    node, looking = read(RecordedState("v3.32.1", "6-flow-logs")), Looking(datastore(*POLICIES))
    looking.look(blind(before(node)))
    shown = looking.look(blind(node))
    assert POLICY_PACKETS.name not in shown


def test_a_policy_that_the_datastore_tells_later_counts_from_the_first_look() -> None:
    node, lookups = read(RecordedState("v3.32.1", "1-before")), datastore()
    looking = Looking(lookups)
    looking.look(blind(before(node)))
    looking.look(blind(node))
    lookups.put("policies", "/security.base", POLICIES[4])
    for _ in range(3):
        shown = looking.look(blind(node))
    counts = {labels["calico.verdict"]: value for labels, value in shown[POLICY_PACKETS.name]}
    assert counts == {"deny": 3, "pass": 22}
