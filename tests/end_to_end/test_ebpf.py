"""The service on a node with the eBPF dataplane: real pinned maps, through edits, restarts and switches of Felix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_calico.calico.model import IPVersion
from tests.node.ebpf import EbpfMachine
from tests.node.iptables import load
from tests.node.namespace import Namespace
from tests.node.service import Labels, Metrics, Service
from tests.recordings.ebpf_resources import NODE_NAME, resources
from tests.recordings.ebpf_states import RELEASES, RecordedState

pytestmark = [pytest.mark.node, pytest.mark.slow]


class EbpfNode:
    """A node with the service on it. Every scrape scans."""

    def __init__(self, namespace: Namespace, folder: Path, release: str) -> None:
        self.machine = EbpfMachine(namespace).prepare()
        self.release = release
        self._export = folder / "resources.yaml"
        self._export.write_text(resources(RecordedState(release, "1-before")))
        environment = {
            "NODENAME": NODE_NAME,
            "OTEL_CALICO_DATASTORE_FILE": str(self._export),
            "OTEL_CALICO_METRICS_FRESHNESS": "0",
            "OTEL_CALICO_METRICS_FAMILIES": "accountant,policy,workload,rule",
        }
        self.service = Service(environment, namespace=namespace)

    def load(self, name: str) -> None:
        """Be as a recorded state."""
        self.machine.load(RecordedState(self.release, name).path)

    def load_before_the_first_packet(self, name: str) -> None:
        """Have its programs and interfaces, and maps without entries."""
        self.load(name)
        self.machine.forget_counters()


@contextmanager
def node(namespace: Namespace, folder: Path, release: str) -> Iterator[EbpfNode]:
    made = EbpfNode(namespace, folder, release)
    with made.service:
        yield made


def of_policies(page: Metrics) -> dict[tuple[str, str, str], float]:
    """What policies decided."""
    return {
        (labels["calico_policy_name"], labels["calico_direction"], labels["calico_verdict"]): value
        for series, value in page.get("calico_policy_packets_total", {}).items()
        if value and (labels := dict(series))
    }


def of_workloads(page: Metrics, metric: str) -> dict[tuple[str, str], float]:
    """Packets by pod and direction, of those that have any."""
    return {
        (labels["k8s_pod_name"], labels["calico_direction"]): value
        for series, value in page[metric].items()
        if value and (labels := dict(series)).get("reason", "policy") == "policy"
    }


def labelled(**labels: str) -> Labels:
    return frozenset(labels.items())


@pytest.mark.parametrize("release", RELEASES)
def test_the_page_says_what_was_counted_by_hand(namespace: Namespace, tmp_path: Path, release: str) -> None:
    with node(namespace, tmp_path, release) as made:
        made.load_before_the_first_packet("1-before")
        service = made.service.start()
        assert not of_policies(service.scrape())
        made.load("1-before")
        page = service.scrape()
        expected = RecordedState(release, "1-before").json("expected.json")
        numbers = expected["interfaces (accepted, dropped by policy)"]
        for place, metric in enumerate(("accepted", "dropped")):
            assert of_workloads(page, f"calico_workload_{metric}_packets_total") == {
                (pod.partition("/")[2], direction): counts[place]
                for pod, ways in numbers.items()
                for direction, counts in ways.items()
                if counts[place]
            }
        assert sum(of_policies(page).values()) == sum(
            row["packets"] for row in expected["rules"] if row["owner"] == "policy"
        )
        assert page["otel_calico_dataplane_info"] == {labelled(dataplane="ebpf"): 1}
        assert page["otel_calico_backend_info"] == {labelled(backend="bpf"): 1}
        assert page["otel_calico_ebpf_unknown_ids"] == {frozenset(): 0}
        assert page["otel_calico_ebpf_rule_counters_limit"] == {frozenset(): 10_000}


def test_nothing_is_invented_when_ebpf_is_switched_on_and_off(namespace: Namespace, tmp_path: Path) -> None:
    with node(namespace, tmp_path, "v3.32.1") as made:
        made.load("1-before")
        made.machine.switch_off()
        state = RecordedState("v3.32.1", "1-before").path
        service = made.service.start("/healthz")
        assert service.scrape()["otel_calico_scan_success"] == {frozenset(): 0}

        made.load("3-edit-before")  # switched on: what the maps hold by now is history
        page = service.scrape()
        assert page["otel_calico_scan_success"] == {frozenset(): 1}
        assert not of_policies(page)
        made.load("4-edit-after")
        assert of_policies(service.scrape())["security.base", "ingress", "pass"] == 22

        made.machine.switch_off()  # Felix leaves the rules of that dataplane for a while
        load(namespace, (state / "iptables-save.txt").read_text(), "nft", IPVersion.V4)
        page = service.scrape()
        assert page["otel_calico_scan_success"] == {frozenset(): 0}
        assert not page.get("calico_policy_packets_total")

        made.load("4-edit-after")
        assert not of_policies(service.scrape())
        assert "dataplane_changed" in service.log


def test_without_policy_debug_old_numbers_are_not_shown_and_it_is_said(namespace: Namespace, tmp_path: Path) -> None:
    with node(namespace, tmp_path, "v3.32.1") as made:
        made.load("1-before")
        made.machine.remove_debug_files()
        service = made.service.start()
        page = service.scrape()
        assert not page.get("calico_policy_packets_total")
        assert page["otel_calico_ebpf_debug_files_readable"] == {frozenset(): 0}
        assert of_workloads(page, "calico_workload_accepted_packets_total") == {}
        assert "bpfPolicyDebugEnabled" in service.get("/readyz").text
        assert "policy debug is off" in service.log


def test_a_map_that_an_upgrade_left_behind_adds_nothing(namespace: Namespace, tmp_path: Path) -> None:
    with node(namespace, tmp_path, "v3.32.1") as made:
        made.load_before_the_first_packet("1-before")
        made.machine.pin_stale_counters(RecordedState("v3.29.7", "1-before").path / "cali_counters2.json")
        service = made.service.start()
        service.scrape()
        made.load("1-before")
        made.machine.pin_stale_counters(RecordedState("v3.29.7", "1-before").path / "cali_counters2.json")
        accepted = of_workloads(service.scrape(), "calico_workload_accepted_packets_total")
        assert accepted["web-0", "ingress"] == 9
