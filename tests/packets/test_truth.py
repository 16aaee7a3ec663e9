"""Random tiers, policies, groups, pods and packets: what is published per workload and policy is the truth.

Two ways of looking. Who looks before and after each change sees every packet under its policy or its group, and under
the policy wherever the counters force it. Whoever looks at any other time never sees more than happened.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.packets.histories import Batch, History, batches, histories
from tests.packets.promises import above, look_in_time
from tests.packets.watched import Values, WatchedNode, small_kernel

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Generating overly large repr")]

random = settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],  # a busy processor is no fault of the strategies
)


@random
@given(histories(), batches(8))
def test_who_looks_in_time_sees_every_packet_and_forced_ones_under_their_policy(
    history: History, traffic: list[Batch]
) -> None:
    look_in_time(WatchedNode(small_kernel(history), history.nodes[0]), history, iter(traffic))


@random
@given(histories(), batches(8))
def test_who_looks_now_and_then_never_sees_more_than_happened_nor_a_series_fall(
    history: History, traffic: list[Batch]
) -> None:
    watched, coming = WatchedNode(small_kernel(history), history.nodes[0]), iter(traffic)
    before: Values = {}
    for node in history.nodes:
        watched.write(node)
        watched.send(next(coming))
        shown = watched.look()
        assert above(shown, watched) == {}
        assert {own: value for own, value in shown.items() if value < before.get(own, 0)} == {}
        before = shown
        watched.send(next(coming))
