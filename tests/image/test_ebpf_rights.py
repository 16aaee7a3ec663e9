"""The pod reads Calico's eBPF dataplane with what the chart's `ebpf.enabled` adds, and says which of it is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.chart.release import CASES, manifests, only
from tests.end_to_end.live_node import LiveNode
from tests.image.build import Image
from tests.image.container import Container
from tests.node.ebpf import EbpfMachine
from tests.recordings.ebpf_states import RecordedState

pytestmark = [pytest.mark.node, pytest.mark.image, pytest.mark.timeout(900)]  # the first test builds the image

STATE = RecordedState("v3.32.1", "1-before")
BITS = {"DAC_READ_SEARCH": 2, "NET_ADMIN": 12, "NET_RAW": 13, "BPF": 39}  # linux/capability.h


@dataclass(frozen=True)
class Pod:
    """The pod of the chart on a node whose Calico runs its eBPF dataplane."""

    node: LiveNode
    machine: EbpfMachine
    image: Image

    def container(self, *, without_capability: str = "", without_mount: str = "") -> Container:
        """Its container, or one that lacks something."""
        config: Mapping[str, Any] = {"datastore": {"type": "etcdv3"}, "metrics": {"freshness": 0}}
        release = manifests({**CASES["etcd-from-calico"], "config": config, "ebpf": {"enabled": True}})
        (spec,) = only("DaemonSet", release)["spec"]["template"]["spec"]["containers"]
        added = spec["securityContext"]["capabilities"]["add"]
        spec["securityContext"]["capabilities"]["add"] = [name for name in added if name != without_capability]
        spec["volumeMounts"] = [one for one in spec["volumeMounts"] if one["mountPath"] != without_mount]
        calico = {"etcd_endpoints": self.node.etcd.endpoint, "etcd_ca": "", "etcd_cert": "", "etcd_key": ""}
        namespace, config_maps = self.node.namespace, {"calico-config": calico}
        container = Container(release, self.image, namespace, "ebpf-node", config_maps=config_maps)
        name_file = container.volumes.host / "var/lib/calico/nodename"
        name_file.parent.mkdir(parents=True)
        name_file.write_text("ebpf-node")
        return container


def check(container: Container) -> list[str]:
    """Lines of `otel-calico check` that are not well."""
    ended = container.execute("otel-calico", "check")
    assert ended.stdout, ended.stderr
    return [line for line in ended.stdout.splitlines() if not line.startswith("ok ")]


@pytest.fixture
def pod(image: Image) -> Iterator[Pod]:
    with LiveNode("nft") as node:
        machine = EbpfMachine(node.namespace).prepare()
        machine.load(STATE.path)
        machine.close_directories()
        yield Pod(node, machine, image)


def test_the_rights_of_the_chart_are_enough_and_all_that_the_service_has(pod: Pod) -> None:
    with pod.container() as container:
        container.start()
        page = container.scrape()
        assert page["otel_calico_dataplane_info"] == {frozenset({("dataplane", "ebpf")}): 1}
        assert page["otel_calico_ebpf_unknown_ids"] == {frozenset(): 0}
        assert page["otel_calico_ebpf_debug_files_readable"] == {frozenset(): 1}
        assert page["calico_policy_packets_total"]
        assert container.rights["CapEff"] == f"{sum(1 << BITS[name] for name in container.capabilities):016x}"
        assert container.capabilities == BITS.keys()
        found = check(container)
        assert [line for line in found if "ops" not in line and "workload" not in line and "→" not in line] == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"without_capability": "DAC_READ_SEARCH"}, "add the capability DAC_READ_SEARCH"),
        # Linux 5.19 and later ask for no capability here; the seccomp profile of the runtime does.
        ({"without_capability": "BPF"}, "; add the capability BPF (SYS_ADMIN before Linux 5.8)"),
        ({"without_mount": "/var/run/calico"}, "/var/run/calico is not there: mount the host's"),
    ],
)
def test_without_one_of_them_it_is_said_which(pod: Pod, missing: Mapping[str, str], said: str) -> None:
    with pod.container(**missing) as container:
        container.start("/healthz")
        assert said in "\n".join(check(container))
