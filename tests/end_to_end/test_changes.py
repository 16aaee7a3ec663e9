"""What changes in the datastore and in the kernel is on the very next page."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from otel_calico.calico.model import Direction, PolicyKind
from tests.end_to_end.cluster import (
    ALLOW_WEB,
    WEB,
    Workload,
    client_endpoint,
    felix_node,
    web_endpoint,
    web_policies,
)
from tests.end_to_end.live_node import LiveNode, by_kind
from tests.end_to_end.resources import endpoint, policy_entry
from tests.end_to_end.traffic import ALLOW, BLOCK, POLICY_METRICS, Traffic, expected, labels, policy_labels
from tests.felix import Era, Policy, allow
from tests.felix.policy_chains import policy_chain_name
from tests.node.programs import wait_until
from tests.node.service import Metrics, Service

pytestmark = pytest.mark.node

NOTHING = Traffic({8080: 0, 9090: 0, 5353: 0, 7070: 0, 6666: 0}, {8080: 0, 53: 0})
SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 0, 53: 9})
WEB_1 = Workload("web-1", "web", "cali22222222222", "10.65.0.4", "fd00:65::4")
TO_WEB = f"cali-tw-{WEB.interface}"


def v4(traffic: Traffic) -> dict[int, Traffic]:
    return {4: traffic, 6: NOTHING}


def policy_series(service: Service) -> Metrics:
    page = service.scrape()
    return {name: page.get(name, {}) for name in POLICY_METRICS}


def wait_held(service: Service, kind: str, count: int) -> None:
    wait_until(lambda: by_kind(service, "resources")[kind] == count, f"{count} {kind} held", seconds=3)


def with_policy(series: Metrics, name: str, packets: int) -> Metrics:
    """The series of a node on which the web pod has one more policy, which accepted IPv4 packets."""
    accepts = {labels(WEB, "tw", 4, policy=name): packets, labels(WEB, "tw", 6, policy=name): 0}
    key = policy_labels(name, "GlobalNetworkPolicy", "allow")
    return series | {
        "policy_accept_counter": series["policy_accept_counter"] | accepts,
        "calico_policy_packets_total": series["calico_policy_packets_total"] | {key: packets},
        "calico_policy_bytes_total": series["calico_policy_bytes_total"] | {key: packets * 60},
    }


def test_a_policy_added_renamed_and_deleted_is_followed(dataplane: str) -> None:
    dns = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "allow-dns", selector="has(app)", ingress=(allow(17, 5353),))
    mdns = replace(dns, name="allow-mdns")
    era, client = Era.E, client_endpoint(Era.E)
    # Legacy Felix leaves the rules before a change alone, nft Felix writes the whole chain anew: raw counters tell.
    kept = Traffic({**SENT.outside, 5353: 0} if dataplane == "legacy" else NOTHING.outside, SENT.client)
    with LiveNode.of_era(era, dataplane) as node:
        service = node.service().start()
        SENT.send(node, 4)
        assert policy_series(service) == expected(era, v4(SENT), v4(SENT))

        node.etcd.put(*policy_entry(dns, era))
        node.program(felix_node(era, web_endpoint(era, *web_policies(era), dns), client))
        assert policy_series(service) == with_policy(expected(era, v4(kept), v4(SENT)), "default.allow-dns", 0)

        node.send({5353: 4})
        since = SENT + Traffic({5353: 4}, {})
        assert policy_series(service) == with_policy(expected(era, v4(kept), v4(since)), "default.allow-dns", 4)

        node.etcd.put(*policy_entry(mdns, era))
        node.etcd.delete(policy_entry(dns, era)[0])
        node.program(felix_node(era, web_endpoint(era, *web_policies(era), mdns), client))
        assert policy_series(service) == with_policy(expected(era, v4(kept), v4(since)), "default.allow-mdns", 0)

        node.etcd.delete(policy_entry(mdns, era)[0])
        node.program(felix_node(era))
        assert policy_series(service) == expected(era, v4(kept), v4(since))
        assert set(by_kind(service, "resources")) == {"workloadendpoints"}  # the rules name all policies


def test_policies_that_rules_do_not_name_have_their_names_at_the_next_scrape_but_one() -> None:
    with LiveNode.of_era(Era.A1, "nft") as node:
        node.program(felix_node(Era.E))  # whose rules name all policies
        service = node.service().start()
        assert set(by_kind(service, "resources")) == {"workloadendpoints"}
        node.program(felix_node(Era.A1))
        unnamed = service.scrape()["otel_calico_chains_without_name"][frozenset()]
        assert unnamed > 0
        time.sleep(1)
        page = service.scrape()
        assert page["otel_calico_chains_without_name"] == {frozenset(): 0}
        assert set(by_kind(service, "resources")) == {"workloadendpoints", "networkpolicies", "globalnetworkpolicies"}
        assert '"event": "chains_without_name"' not in service.log


def test_a_pod_created_and_deleted_is_followed(backend: str) -> None:
    era = Era.A2
    with LiveNode.of_era(era, backend) as node:
        service = node.service().start()
        SENT.send(node, 4)
        before = expected(era, v4(SENT), v4(SENT))
        assert policy_series(service) == before

        node.etcd.put(*endpoint(WEB_1))
        wait_held(service, "workloadendpoints", 3)
        assert policy_series(service) == before  # Felix has not come to it yet

        with node.run(WEB_1) as pod:
            web_1 = replace(web_endpoint(era), interface=WEB_1.interface)
            node.program(felix_node(era, web_endpoint(era), client_endpoint(era), web_1))
            for port, count in {8080: 3, 9090: 2, 5353: 1}.items():
                node.outside.send_udp(pod, port, count)
            page = policy_series(service)
            assert {name: {key: value for key, value in page[name].items() if ("pod", "web-1") in key}
                    for name in POLICY_METRICS[:3]} == {
                "no_policy_drop_counter": {labels(WEB_1, "tw"): 1, labels(WEB_1, "tw", 6): 0},
                "policy_accept_counter": {
                    labels(WEB_1, "tw", version, policy=policy): 3 if (version, policy) == (4, ALLOW) else 0
                    for version in (4, 6) for policy in (ALLOW, BLOCK)
                },
                "policy_accept_drop_counter": {
                    labels(WEB_1, "tw", policy=BLOCK): 2, labels(WEB_1, "tw", 6, policy=BLOCK): 0
                },
            }  # fmt: skip
        node.etcd.delete(endpoint(WEB_1)[0])
        node.program(felix_node(era))
        wait_held(service, "workloadendpoints", 2)
        # The policies' totals of the node keep what the dead pod's packets added.
        since = v4(SENT + Traffic({8080: 3, 9090: 2}, {}))
        after = expected(era, v4(SENT), since)
        assert policy_series(service) == after | {name: before[name] for name in POLICY_METRICS[:3]}


def test_rules_without_workload_are_counted_not_guessed(backend: str) -> None:
    era = Era.A2
    with LiveNode.of_era(era, backend) as node:
        node.etcd.delete(endpoint(WEB)[0])
        service = node.service().start()
        SENT.send(node, 4)
        page = service.scrape()
        pods = {dict(key)["pod"] for name in POLICY_METRICS[:3] for key in page.get(name, {})}
        assert pods == {"client-0"}
        assert page["otel_calico_interfaces_without_workload"] == {frozenset(): 1}
        assert '"event": "interfaces_without_workload"' in service.log

        node.etcd.put(*endpoint(WEB))
        wait_held(service, "workloadendpoints", 2)
        page = service.scrape()
        assert page["policy_accept_counter"] == expected(era, v4(SENT), v4(SENT))["policy_accept_counter"]
        assert page["otel_calico_interfaces_without_workload"] == {frozenset(): 0}


def test_a_chain_written_anew_by_another_keeps_what_was_counted_since_the_start(backend: str) -> None:
    era = Era.D
    with LiveNode.of_era(era, backend) as node:
        service = node.service().start()
        SENT.send(node, 4)
        assert policy_series(service) == expected(era, v4(SENT), v4(SENT))

        node.rewrite(TO_WEB)
        kernel = Traffic(NOTHING.outside, SENT.client)
        assert policy_series(service) == expected(era, v4(kernel), v4(SENT))

        SENT.send(node, 4)
        kernel = Traffic(SENT.outside, SENT.client) + Traffic({}, SENT.client)
        assert policy_series(service) == expected(era, v4(kernel), v4(SENT.times(2)))

        node.rewrite(policy_chain_name(ALLOW_WEB, Direction.INGRESS, era))
        assert policy_series(service) == expected(era, v4(kernel), v4(SENT.times(2)))
        SENT.send(node, 4)
        assert policy_series(service) == expected(era, v4(kernel + SENT), v4(SENT.times(3)))


def test_a_rule_put_in_by_hand_moves_no_count_to_another_series(backend: str) -> None:
    era = Era.E
    with LiveNode.of_era(era, backend) as node:
        service = node.service().start()
        SENT.send(node, 4)
        assert policy_series(service) == expected(era, v4(SENT), v4(SENT))
        node.namespace.run(f"iptables-{backend}", "-I", TO_WEB, "1", "-p", "udp", "--dport", "4000", "-j", "DROP")
        node.send({4000: 6})
        assert policy_series(service) == expected(era, v4(SENT), v4(SENT))
        SENT.send(node, 4)
        assert policy_series(service) == expected(era, v4(SENT.times(2)), v4(SENT.times(2)))


def test_a_hashed_chain_without_comments_gets_its_name_from_the_datastore(backend: str) -> None:
    era = Era.A1
    chain = policy_chain_name(ALLOW_WEB, Direction.INGRESS, era)
    with LiveNode.of_era(era, backend) as node:
        node.etcd.delete(policy_entry(ALLOW_WEB, era)[0])
        service = node.service().start()
        SENT.send(node, 4)
        page = service.scrape()
        assert page["policy_accept_counter"][labels(WEB, "tw", policy=chain)] == 7
        assert page["otel_calico_chains_without_name"] == {frozenset(): 1}
        assert f'"names": ["{chain}"]' in service.log

        node.etcd.put(*policy_entry(ALLOW_WEB, era))
        wait_held(service, "networkpolicies", 2)
        page = service.scrape()
        assert page["policy_accept_counter"] == expected(era, v4(SENT), v4(SENT))["policy_accept_counter"]
        assert page["otel_calico_chains_without_name"] == {frozenset(): 0}
