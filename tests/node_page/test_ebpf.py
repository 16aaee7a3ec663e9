"""What the pages say of a node with the eBPF dataplane: of whom each number is."""

from __future__ import annotations

import pytest

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.ebpf.state import EbpfState
from otel_calico.metrics import FAMILIES
from otel_calico.node_page.pages import NodePages
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.ebpf_scanner import EbpfScanner
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from otel_calico.web.message import Request, Response
from tests.ebpf.shown import before, lookups_of
from tests.node_page.text import said
from tests.recordings.ebpf_states import RecordedState, states


class Watched:
    """A recorded node that people look at: before its first packet, and then after its last."""

    backend = "bpf"

    def __init__(self, state: RecordedState, lookups: Lookups | None = None) -> None:
        self._saved = EbpfStateDirectory(str(state.path)).read()
        self._looks = 0
        known = lookups_of(state) if lookups is None else lookups
        scanner = EbpfScanner(self, known, ScanSettings(SeriesChoice(families=FAMILIES)))
        self.routes = NodePages("node-1", Collector(scanner, freshness=0.0), DatastoreStatus, known).routes
        self.look()

    def is_on(self) -> bool:
        return True

    def read(self) -> EbpfState:
        self._looks += 1
        return before(self._saved) if self._looks == 1 else self._saved

    def look(self, query: str = "", path: str = "/") -> Response:
        return self.routes[path](Request("GET", path, query))


@pytest.mark.parametrize("state", states("1-before"), ids=str)
def test_the_first_page_has_what_policy_dropped_of_each_workload(state: RecordedState) -> None:
    text = said(Watched(state).look())
    table = text[text.index("Dropped") : text.index("Workloads of this node")]
    drops = [
        ("shop/ web- 0 to the workload: dropped by policy", 12),
        ("shop/ db- 0 from the workload: dropped at the end of tier default, where no policy accepted them", 9),
        ("shop/ db- 0 to the workload: dropped by policy", 8),
        ("shop/ bare- 0 to the workload: dropped because no profile accepted them", 4),
        ("shop/ bare- 0 from the workload: dropped because no profile accepted them", 2),
        ("shop/ web- 1 to the workload: dropped by policy", 1),
    ]
    places = [table.index(words) for words, _ in drops]
    assert places == sorted(places)
    assert all(f" {packets} " in table[place:] for place, (_, packets) in zip(places, drops, strict=True))


def test_a_workload_s_page_tells_its_own_numbers_from_the_node_s() -> None:
    text = said(Watched(RecordedState("v3.32.1", "1-before")).look("name=shop%2Fweb-0", "/workload"))
    assert "To the workload ingress" in text
    assert "12 packets to shop/web-0 were dropped by policy" in text
    assert "Policies and profiles together counted by the interface, of this workload alone accepted" in text
    assert "node: denied" in text
    assert "node: dropped" in text


def test_a_policy_s_page_has_its_rules_and_whom_it_is_on() -> None:
    text = said(Watched(RecordedState("v3.32.1", "1-before")).look("name=default.db-only", "/policy"))
    assert "Ingress GlobalNetworkPolicy" in text
    assert "Rule Packets 0 allowed" in text
    assert "2 denied" in text
    assert "shop/ db- 0" in text


@pytest.mark.parametrize("state", states(), ids=str)
def test_every_page_of_every_state_is_made(state: RecordedState) -> None:
    for lookups in (None, Lookups()):
        watched = Watched(state, lookups)
        assert watched.look().status == 200
        names = [*state.pods.values()] if lookups is None else list(state.pods)
        pages = [watched.look(f"name={name.replace('/', '%2F')}", "/workload") for name in names]
        assert {page.status for page in pages} <= {200, 404}
        assert watched.look("name=default.db-only", "/policy").status in {200, 404}
