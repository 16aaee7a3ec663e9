"""What the page of a workload says of its traffic, from the rules Felix writes."""

from __future__ import annotations

from collections.abc import Sequence

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, WorkloadEndpoint
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.node_page.pages import NodePages
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.web.message import Request, Response
from tests.end_to_end.cluster import WEB, felix_node
from tests.felix import Era, render
from tests.node_page.text import said
from tests.sources.memory import MemorySource

RULESET = render(felix_node(Era.E))
CHAIN = f"cali-tw-{WEB.interface}"


def rule(text: str, chain_name: str = CHAIN) -> str:
    """The hash of the one rule of a chain that has this text."""
    chain = RULESET.chains[chain_name]
    (found,) = [h for one, h in zip(chain.rules, chain.hashes, strict=True) if text in one.printed(h)]
    return found


END = rule("End of tier default. Drop if no policies passed packet")


class Watched:
    """A node of the newest era whose web pod people look at."""

    def __init__(self, addresses: Sequence[str] = (WEB.ipv4,)) -> None:
        self.source = MemorySource(RULESET.dump({END: (41, 2460)}))
        lookups = Lookups()
        web = WorkloadEndpoint(WEB.interface, "default", WEB.pod, tuple(addresses), owner="Deployment/web")
        lookups.replace("workloadendpoints", {"web": web})
        self.collector = Collector(NodeScanner(self.source, lookups), freshness=0.0)
        self.routes = NodePages("node-1", self.collector, DatastoreStatus, lookups).routes

    def look(self, query: str, path: str = "/workload") -> Response:
        return self.routes[path](Request("GET", path, query))


def test_a_workload_is_told_the_way_of_its_packets_with_a_conclusion() -> None:
    watched = Watched()
    first = watched.look("name=default%2Fweb-0")
    assert first.status == 200
    assert said(first).startswith(
        f"All of node node-1 default/ web- 0 Deployment/ web {WEB.ipv4} {WEB.interface} To the workload ingress, IPv4 "
        "41 packets to default/web-0 were dropped at the end of tier default: none of its 3 ingress policies "
        "accepted them. Established connections accepted before any policy accepted 0 Tier security"
    )
    watched.source.dumps[IPVersion.V4] = RULESET.dump({END: (48, 2880)})
    text = said(watched.look("name=default%2Fweb-0"))
    assert " UTC, 7 packets to default/web-0 were dropped at the end of tier default" in text
    assert "End of tier default dropped, because no policy of the tier decided dropped" in text


def test_what_no_policy_dropped_has_its_reason_in_the_words_of_explain() -> None:
    watched = Watched()
    vxlan = rule("VXLAN encapped packets", f"cali-fw-{WEB.interface}")
    watched.source.dumps[IPVersion.V4] = RULESET.dump({vxlan: (3, 300)})
    assert "Otherwise dropped because workloads may not send VXLAN dropped 3" in said(
        watched.look("name=default%2Fweb-0")
    )


def test_a_workload_is_found_by_its_name_interface_or_chain_and_not_after_it_is_gone() -> None:
    watched = Watched()
    assert "default/ web- 0" in said(watched.look("q=WEB-0", "/"))
    for name in (WEB.interface, CHAIN, "default%2Fweb-0"):
        assert watched.look(f"name={name}").status == 200
    gone = watched.look("name=shop%2F%3Cold%3E")
    assert gone.status == 404
    assert said(gone).startswith("All of node node-1 shop/ <old> No rule of this node knows a workload of this name")
