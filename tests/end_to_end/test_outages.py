"""etcd dies, hangs, forgets or is not who it should be: what was known stays served, and the service says so."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trustme

from tests.end_to_end.cluster import ALLOW_WEB, WEB
from tests.end_to_end.live_node import LiveNode, by_kind, wait_for_kinds
from tests.end_to_end.resources import endpoint, policy_entry
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.node.etcd import TLSFiles
from tests.node.service import Metrics, Service

pytestmark = pytest.mark.node

ERA = Era.A1  # its policies get their names from the datastore alone
SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
TRAFFIC = {4: SENT, 6: SENT.times(0)}
KINDS = {"workloadendpoints", "networkpolicies", "globalnetworkpolicies"}
NOTHING = {4: SENT.times(0), 6: SENT.times(0)}
WHOLE = expected(ERA, TRAFFIC, TRAFFIC)


def policy_series(service: Service) -> Metrics:
    page = service.scrape()
    return {name: page.get(name, {}) for name in POLICY_METRICS}


def started(node: LiveNode) -> Service:
    """A service that is in sync and has counted some traffic."""
    service = node.service().start()
    SENT.send(node, 4)
    assert policy_series(service) == WHOLE
    return service


def without_web(series: Metrics) -> Metrics:
    """The series of a node whose web pod left the datastore; totals of policies stay."""
    return series | {
        name: {key: value for key, value in series[name].items() if ("pod", WEB.pod) not in key}
        for name in POLICY_METRICS[:3]
    }


def test_etcd_killed_and_started_again_with_other_content_and_no_history() -> None:
    with LiveNode.of_era(ERA, "nft") as node:
        service = started(node)
        node.etcd.kill()
        wait_for_kinds(service, "connected", 0)
        assert set(by_kind(service, "in_sync").values()) == {1}
        service.wait(lambda: all(by_kind(service, "errors_total").values()), "errors of all kinds")
        assert policy_series(service) == WHOLE
        assert service.get("/readyz").status == 200
        assert '"event": "datastore_disconnected"' in service.log

        service.pause()  # so that it surely sees nothing of the changes as they happen
        node.etcd.start()
        key, value = endpoint(WEB)
        node.etcd.delete(key)
        node.etcd.compact(node.etcd.put("/calico/other", "x"))
        service.resume()
        wait_for_kinds(service, "connected", 1, seconds=30)
        service.wait(lambda: by_kind(service, "resources")["workloadendpoints"] == 1, "the new listing")
        assert policy_series(service) == without_web(WHOLE)
        assert set(by_kind(service, "reconnects_total")) == KINDS
        assert all(by_kind(service, "reconnects_total").values())

        node.etcd.put(key, value)
        service.wait(lambda: by_kind(service, "resources")["workloadendpoints"] == 2, "the pod")
        assert policy_series(service)["policy_accept_counter"] == WHOLE["policy_accept_counter"]


def test_etcd_that_hangs_blocks_no_scrape_and_loses_no_change() -> None:
    with LiveNode.of_era(ERA, "nft") as node:
        service = started(node)
        node.etcd.pause()
        began = time.monotonic()
        for _ in range(5):
            assert policy_series(service) == WHOLE
        assert service.get("/readyz").status == 200
        assert time.monotonic() - began < 2
        node.etcd.resume()
        node.etcd.delete(endpoint(WEB)[0])
        service.wait(lambda: by_kind(service, "resources")["workloadendpoints"] == 1, "the change")
        assert policy_series(service) == without_web(WHOLE)


def test_started_while_etcd_hangs_it_lives_and_is_ready_when_etcd_answers() -> None:
    with LiveNode.of_era(ERA, "nft") as node:
        node.etcd.pause()
        service = node.service().start("/healthz")
        answer = service.get("/readyz")
        assert answer.status == 503
        first, *notes = answer.text.splitlines()[1:]
        assert first.startswith("workloadendpoints: not listed yet")  # the policies, once a scan needed them
        assert notes == [
            "watched: workloadendpoints",
            "not watched: networkpolicies, globalnetworkpolicies (not needed to name the chains of this node)",
            "not watched: hostendpoints (needed for the metrics family workload only)",
        ]
        assert service.scrape()["otel_calico_interfaces_without_workload"] == {frozenset(): 2}
        node.etcd.resume()
        service.wait(lambda: service.get("/readyz").status == 200, "ready")
        assert policy_series(service) == expected(ERA, NOTHING, NOTHING)


def test_a_wrong_authority_is_named_and_the_right_one_put_in_place_is_taken(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = TLSFiles.issue(tmp_path, authority)
    trusted = tmp_path / "trusted.pem"
    trustme.CA().cert_pem.write_to_path(str(trusted))
    with LiveNode.of_era(ERA, "nft", files) as node:
        service = node.service(
            {"ETCD_CA_CERT_FILE": str(trusted), "ETCD_CERT_FILE": files.certificate, "ETCD_KEY_FILE": files.key}
        ).start("/healthz")
        service.wait(lambda: all(by_kind(service, "errors_total").values()), "errors of all kinds")
        answer = service.get("/readyz")
        reason = f"{node.etcd.endpoint}: its certificate is not signed by a trusted CA: check ETCD_CA_CERT_FILE"
        remedy = "`otel-calico check` tells what to do."
        assert answer.status == 503
        assert {f"{kind}: {reason}. {remedy}" for kind in KINDS} <= set(answer.text.splitlines()[1:])
        assert set(by_kind(service, "in_sync").values()) == {0}

        trusted.write_bytes(Path(files.authority).read_bytes())
        service.wait(lambda: service.get("/readyz").status == 200, "ready", seconds=30)
        assert set(by_kind(service, "connected").values()) == {1}
        assert policy_series(service).keys() == WHOLE.keys()


def test_a_policy_that_came_while_disconnected_gives_its_chain_a_name() -> None:
    with LiveNode.of_era(ERA, "legacy") as node:
        node.etcd.delete(policy_entry(ALLOW_WEB, ERA)[0])
        service = node.service().start()
        assert service.scrape()["otel_calico_chains_without_name"] == {frozenset(): 1}
        node.etcd.kill()
        wait_for_kinds(service, "connected", 0)
        node.etcd.start()
        node.etcd.put(*policy_entry(ALLOW_WEB, ERA))
        service.wait(lambda: by_kind(service, "resources")["networkpolicies"] == 2, "the policy", seconds=30)
        assert service.scrape()["otel_calico_chains_without_name"] == {frozenset(): 0}
