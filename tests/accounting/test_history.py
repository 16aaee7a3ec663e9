"""What was counted before otel-calico looked, or before it knew, is no traffic since the start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.metrics import POLICY_ACCEPT
from tests.accounting.test_since_start import (
    BOTH_BACKENDS,
    MIXED,
    OTHER,
    denies,
    kernel_with,
    node_with,
    readings_of,
    send,
    verdicts,
)
from tests.attribution.node import WEB, ScannedNode
from tests.felix import PolicyRule, allow, deny, pass_on, render
from tests.felix.example import INTERFACE, UDP
from tests.felix.kernel import Kernel


def test_a_chain_whose_workload_becomes_known_later_does_not_count_its_history() -> None:
    node, kernel = ScannedNode(), kernel_with(MIXED)
    send(kernel, 1, 500)
    node.scan(kernel.dump())

    node.lookups.put("workloadendpoints", INTERFACE, WEB)
    known = node.scan(kernel.dump())
    assert denies(known) == {"default.mixed": 0}

    send(kernel, 1, 2)
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 2}


def test_a_workload_that_becomes_known_later_gives_delta_exporters_no_history() -> None:
    node, kernel = ScannedNode(), kernel_with(MIXED)
    send(kernel, 2, 500)
    node.scan(kernel.dump())

    node.lookups.put("workloadendpoints", INTERFACE, WEB)
    accepted = readings_of(node.scan(kernel.dump()), POLICY_ACCEPT)

    assert (list(accepted.values), list(accepted.first)) == ([500], [500])


def test_a_workload_whose_labels_change_gives_delta_exporters_no_history() -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED)
    node.scan(kernel.dump())
    send(kernel, 2, 500)
    node.scan(kernel.dump())

    node.lookups.put("workloadendpoints", INTERFACE, replace(WEB, labels={"app": "shop"}))
    accepted = readings_of(node.scan(kernel.dump()), POLICY_ACCEPT)

    assert (list(accepted.values), list(accepted.first)) == ([500], [500])


@BOTH_BACKENDS
def test_denies_from_before_the_start_stay_out_when_a_policy_stops_and_starts_denying(backend: str) -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED, backend=backend)
    send(kernel, 1, 300)
    node.scan(kernel.dump())

    kernel.write(render(node_with(replace(MIXED, ingress=(allow(UDP, 2),)))))
    node.scan(kernel.dump())
    kernel.write(render(node_with(MIXED)))
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 0}

    send(kernel, 1, 2)
    assert denies(node.scan(kernel.dump())) == {"default.mixed": 2}


def test_passed_packets_are_not_taken_for_denied_ones_when_a_policy_begins_to_deny() -> None:
    passing = replace(MIXED, ingress=(pass_on(UDP, 1),))
    also_passing = replace(OTHER, ingress=(pass_on(UDP, 3),))
    node, kernel = ScannedNode(WEB), kernel_with(passing, also_passing)
    node.scan(kernel.dump())
    send(kernel, 1, 300)
    node.scan(kernel.dump())

    kernel.write(render(node_with(MIXED, also_passing)))

    assert denies(node.scan(kernel.dump())) == {"default.mixed": 0}


@BOTH_BACKENDS
@pytest.mark.parametrize("before", [(pass_on(UDP, 1),), (pass_on(UDP, 1), deny(UDP, 9))])
def test_packets_passed_just_before_a_policy_changes_are_not_taken_for_denied_ones(
    before: tuple[PolicyRule, ...], backend: str
) -> None:
    node, kernel = ScannedNode(WEB), kernel_with(replace(MIXED, ingress=before), backend=backend)
    node.start()
    node.scan(kernel.dump())
    send(kernel, 1, 300)

    kernel.write(render(node_with(MIXED)))

    assert denies(node.scan(kernel.dump())) == {"default.mixed": 0}


def test_an_ip_version_that_begins_later_counts_on_from_there() -> None:
    node, ipv4 = ScannedNode(WEB), kernel_with(MIXED)
    node.scan(ipv4.dump())
    ipv6 = Kernel(render(node_with(MIXED), IPVersion.V6))
    send(ipv6, 2, 70)

    assert verdicts(node.scan(ipv4.dump(), ipv6.dump()))["allow"] == 0
    send(ipv6, 2, 1)
    assert verdicts(node.scan(ipv4.dump(), ipv6.dump()))["allow"] == 1


@BOTH_BACKENDS
def test_packets_passed_just_after_a_policy_changes_are_not_taken_for_denied_ones(backend: str) -> None:
    node, kernel = ScannedNode(WEB), kernel_with(MIXED, backend=backend)
    node.start()
    node.scan(kernel.dump())

    kernel.write(render(node_with(replace(MIXED, ingress=(deny(UDP, 1), pass_on())))))
    send(kernel, 3, 300)

    assert denies(node.scan(kernel.dump())) == {"default.mixed": 0}


def test_a_rule_that_is_understood_later_brings_no_history() -> None:
    described = replace(node_with(MIXED), mark_mask=0xFF000000)
    node, kernel = ScannedNode(WEB), Kernel(render(described))
    send(kernel, 2, 500)
    node.scan(kernel.dump())
    # The chains that tell which mark accepts are gone for a while, and the policy's is not.
    lines = [line for line in kernel.dump().split("\n") if "cali-tw-" not in line and "cali-fw-" not in line]
    assert verdicts(node.scan("\n".join(lines))) == {"deny": 0}

    send(kernel, 2, 1)

    assert verdicts(node.scan(kernel.dump())) == {"deny": 0, "allow": 1}
