"""Flow logs show in the ids of the programs."""

from __future__ import annotations

import pytest

from otel_calico.ebpf.flow_logs import writes_flow_logs
from tests.ebpf.shown import read
from tests.recordings.ebpf_states import RecordedState, states


@pytest.mark.parametrize("state", states(), ids=str)
def test_flow_logs_are_told_by_ids_that_are_no_plain_hashes(state: RecordedState) -> None:
    assert writes_flow_logs(read(state).programs.of.values()) is (state.name == "6-flow-logs")


def test_without_a_rule_nothing_tells() -> None:
    assert writes_flow_logs(()) is None
