"""What the page says of a node, and that no name can say more than itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.metrics import NO_POLICY_DROP, NODE_DROPPED, POLICY_ACCEPT_DROP, POLICY_PACKETS
from otel_calico.node_page.pages import NodePages
from otel_calico.series import Readings
from otel_calico.snapshot import ScanFailure, Snapshot
from otel_calico.web.message import Request, Response, Route
from tests.node_page.text import said
from tests.telemetry.snapshots import NODE_WIDE, WEB, Node, series, snapshot

HOSTILE = '<script>alert(1)</script>"\' onx="&amp;{{7*7}}\u202e'
BLOCK = {**WEB, "policy": "security.block"}


def pages(name: str, node: Node, datastore: Callable[[], DatastoreStatus]) -> Mapping[str, Route]:
    """The pages of a node without rules."""
    return NodePages(name, node.collector, datastore, Lookups()).routes


class Watched:
    """A node that people look at."""

    def __init__(self, *readings: Readings) -> None:
        self.node = Node(snapshot(*readings, taken=1_700_000_000.0))
        self.status = DatastoreStatus({"policies": KindStatus(in_sync=True, connected=True, held=1234)})
        self.routes = pages("node-1", self.node, lambda: self.status)

    def look(self, query: str = "") -> Response:
        return self.routes["/"](Request("GET", "/", query))


def drops(values: tuple[int, int], denied: int) -> Iterator[Readings]:
    yield Readings(DROPS, values)
    yield Readings(DENIED, (denied,))


DROPS = series(NO_POLICY_DROP, WEB, {**WEB, "type": "fw", "ip_version": "6", "tier": "security"})
DENIED = series(POLICY_ACCEPT_DROP, BLOCK)


def test_what_moved_comes_first_with_its_reason_rate_and_total() -> None:
    watched = Watched(*drops((1_500, 3), 1))
    watched.look()
    watched.node.shown = snapshot(*drops((1_500, 13), 3), taken=1_700_000_010.0)
    text = said(watched.look())
    table = text[text.index("Dropped") : text.index("Workloads of this node")]
    assert table == (
        "Dropped in the last 10 s Workload and reason Now Total "
        "shop/ web- 0 from the workload, IPv6: no policy of tier security accepted it 1.0 /s 13 "
        "shop/ web- 0 to the workload: denied by security. block 0.2 /s 3 "
        "shop/ web- 0 to the workload: no policy of tier default accepted it 0 1,500 "
    )


def test_what_the_node_dropped_of_no_endpoint_is_shown_by_reason_with_workloads_without_chains() -> None:
    usual = {"reason": "unknown_interface", "calico.direction": "egress"}
    sets = series(NODE_DROPPED[0], usual, {**usual, "network.type": "ipv6"}, {"reason": "cidr_block"})
    watched = Watched(*drops((0, 0), 0), Readings(sets, (5, 1, 0)))
    watched.look()
    latest = snapshot(*drops((0, 0), 0), Readings(sets, (24, 2, 0)), taken=1_700_000_010.0)
    without = replace(latest.report, workloads_without_chains=("shop/new",))
    watched.node.shown = replace(latest, report=without)
    text = said(watched.look())
    assert text[text.index("Dropped") : text.index("Policies at work")] == (
        "Dropped in the last 10 s No packet of a workload was dropped. Of the whole node Now Total "
        "unknown_interface from interfaces of workloads 2.0 /s 26 "
        "Workloads of this node Felix has written no chains for these yet: all their packets are dropped. "
        "shop/ new None. "
    )


def test_policies_show_each_verdict_they_have_rules_for() -> None:
    allow, deny = NODE_WIDE, {**NODE_WIDE, "calico.verdict": "deny"}
    sets = series(POLICY_PACKETS, allow, deny)
    watched = Watched(Readings(sets, (10, 0)))
    watched.look()
    watched.node.shown = snapshot(Readings(sets, (250, 1)), taken=1_700_000_010.0)
    text = said(watched.look())
    assert text[text.index("Policies at work") : text.index("Policy rules see")] == (
        "Policies at work in the last 10 s Policy Allowed Denied Passed on "
        "shop/ default. allow- web NetworkPolicy, ingress 24 /s 250 0.1 /s 1 \N{EN DASH} "
    )


def test_the_state_of_the_node_is_said_at_a_glance_with_all_that_is_missing() -> None:
    watched = Watched(*drops((1, 0), 0))
    assert said(watched.look()).startswith(
        "Calico policy on node node-1 Ready Backend nft Rules 120 IPv4 80 IPv6 Series 4 Last scan 320 ms "
        "Datastore policies 1,234 "
    )
    watched.status = DatastoreStatus({"policies": KindStatus(last_error="connection refused")})
    watched.node.shown = Snapshot(0.0, failure=ScanFailure("no_permission", "iptables-save: run as root"))
    assert said(watched.look()).startswith(
        "Calico policy on node node-1 Not ready "
        "policies: connection refused. `otel-calico check` tells what to do. "
        "last scan failed (no_permission): iptables-save: run as root. `otel-calico check` tells what to do. "
        "Backend none found Rules none Series 1 Last scan 0 ms Datastore policies not listed"
    )


def test_what_is_not_known_is_not_called_nothing() -> None:
    watched = Watched()
    assert said(watched.look()).count("it is off ( metrics.families ), or no policy applies.") == 2
    watched.node.shown = Snapshot(0.0, failure=ScanFailure("empty", "no table"))
    assert said(watched.look()).count("Not known: the last scan failed.") == 2


def test_denies_that_no_workload_is_known_for_are_not_called_nothing() -> None:
    sets = series(POLICY_PACKETS, NODE_WIDE, {**NODE_WIDE, "calico.verdict": "deny"})
    none = Readings(DROPS, (0, 0))
    assert "Dropped No packet of a workload was dropped. Work" in said(Watched(none, Readings(sets, (5, 0))).look())
    assert "Dropped Policies denied packets, and no rule tells whose: see their own numbers. Work" in said(
        Watched(none, Readings(sets, (5, 3))).look()
    )


def test_a_search_shows_what_has_the_text_in_its_name() -> None:
    other = {**WEB, "pod": "db-0", "pod_namespace": "store"}
    watched = Watched(Readings(series(NO_POLICY_DROP, WEB, other), (1, 2)), Readings(DENIED, (3,)))
    text = said(watched.look("q=DB-"))
    assert "store/ db- 0" in text
    assert "web" not in text
    assert "denied by security. block" in said(watched.look("q=block"))
    assert "Nothing found." in said(watched.look("q=%3Cnone%3E"))


@pytest.mark.parametrize("query", ["q=", "q=" + "a" * 5_000, "q=%00%ff", "q=%F0%9F%98%BA", "=&&q", "q=<script>"])
def test_whatever_is_searched_for_there_is_a_page(query: str) -> None:
    assert said(Watched(*drops((1, 0), 0)).look(query)).startswith("Calico policy on node node-1 Ready")


def test_no_name_can_say_more_than_itself() -> None:
    hostile = {**WEB, "pod": HOSTILE, "pod_namespace": HOSTILE, "policy": HOSTILE, "tier": HOSTILE}
    everywhere = dict.fromkeys(NODE_WIDE, HOSTILE) | {"calico.verdict": "deny"}
    node = Node(
        snapshot(
            Readings(series(NO_POLICY_DROP, hostile), (1,)),
            Readings(series(POLICY_ACCEPT_DROP, hostile), (1,)),
            Readings(series(POLICY_PACKETS, everywhere), (1,)),
        )
    )
    status = DatastoreStatus({HOSTILE: KindStatus(last_error=HOSTILE)})
    response = pages(HOSTILE, node, lambda: status)["/"](Request("GET", "/", "q=%3Cscript%3E"))
    html = response.body.decode()
    assert html.count("<script>") == html.count("</script>") == 1
    assert "alert(1)</" not in html
    assert "49" not in said(response)
    attributes = set(re.findall(r"\s(on\w*)=", html))
    assert attributes <= {"onx"}, "the hostile text itself, quoted"
    assert 'onx="' not in html


def test_the_policy_of_the_page_lets_only_its_own_style_and_script_in() -> None:
    response = Watched().look()
    policy = dict(part.split(" ", 1) for part in dict(response.headers)["Content-Security-Policy"].split("; "))
    assert policy.keys() == {
        "default-src",
        "style-src",
        "script-src",
        "connect-src",
        "img-src",
        "form-action",
        "base-uri",
        "frame-ancestors",
    }
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-\S+'", policy["script-src"])
    html = response.body.decode()
    assert not re.search(r"\s(style|on\w+)=", html)
    assert not re.findall(r"(?:src|href|action)=\"(?!/|#|data:image/svg)", html)
