"""Pods and interfaces with different prefixes bring the one that is to be set."""

from __future__ import annotations

import pytest

from otel_calico.calico.chains import veth_name
from otel_calico.calico.model import WorkloadEndpoint
from otel_calico.explain.interface_prefix import prefix_hint

NONE_BELONGS = "no interface with chains belongs to a pod of the datastore"
ASK = (
    f"{NONE_BELONGS}: are both of one node and one time? If its interfaces do not begin with cali, set "
    "FELIX_INTERFACEPREFIX to the value that calico-node has"
)


def interface(pod: str, prefix: str) -> str:
    return veth_name("shop", pod, prefix)


def workload(pod: str) -> WorkloadEndpoint:
    return WorkloadEndpoint(interface(pod, "cali"), "shop", pod)


@pytest.mark.parametrize(
    ("interfaces", "pods", "hint"),
    [
        (
            [interface("web", "eni")],
            ["web"],
            f"{NONE_BELONGS}; with the prefix eni they do: set FELIX_INTERFACEPREFIX=eni",
        ),
        (
            ["eni12345678901", interface("db", "azv")],
            ["web", "db"],
            f"{NONE_BELONGS}; with the prefix azv they do: set FELIX_INTERFACEPREFIX=azv",
        ),
        (["tap0", "gke9f"], ["web"], ASK),
        ([interface("web", "")], ["web"], ASK),
        ([interface("web", "cali"), "eni0"], ["web", "db"], ""),
        ([], ["web"], ""),
        (["eni0"], [], ""),
    ],
)  # fmt: skip
def test_the_prefix_of_the_pods_interfaces_is_told(interfaces: list[str], pods: list[str], hint: str) -> None:
    assert prefix_hint(interfaces, map(workload, pods)) == hint
