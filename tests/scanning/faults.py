"""A node with every family on, and ways to break single parts of its scans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from otel_calico.accounting import differences, policies, raw, shares
from otel_calico.attribution import planner, rule_family, shared_chains
from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.model import Direction, PolicyKind, WorkloadEndpoint
from otel_calico.failed_parts import ScanPart
from otel_calico.metrics import FAMILIES
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.snapshot import Snapshot
from tests.attribution.node import ScannedNode
from tests.felix import Endpoint, Era, Node, Policy, PolicyRule, allow, deny, kubernetes_profiles, render
from tests.felix.kernel import Kernel, Packet

UDP = 17
PODS = ("cali1", "cali2")
TO_POD, TO_OTHER = "cali-tw-cali1", "cali-tw-cali2"


def policy(name: str, *rules: PolicyRule, selector: str = "") -> Policy:
    """A policy of the node's namespace. Those with one selector are one group."""
    return Policy(PolicyKind.KUBERNETES_NETWORK_POLICY, name, "shop", selector=selector, ingress=rules)


_POLICIES = (
    policy("block", deny(UDP, 9), selector="app == 'x'"),
    policy("web", allow(UDP, 80), selector="all()"),
    policy("dns", allow(UDP, 53), selector="all()"),
)
_FELIX = render(Node(Era.E, tuple(Endpoint(pod, _POLICIES, (), kubernetes_profiles("shop")) for pod in PODS)))
BLOCK, WEB = (next(chain for chain in _FELIX.chains if chain.endswith(f"/{name}")) for name in ("block", "web"))
GROUP = next(chain for chain in _FELIX.chains if chain.startswith("cali-gi-"))


class Shop:
    """Two pods with all families on, and packets of each kind to both before every scan."""

    def __init__(self) -> None:
        endpoints = (WorkloadEndpoint(pod, "shop", pod, (f"10.0.0.{number}",)) for number, pod in enumerate(PODS))
        self.node = ScannedNode(*endpoints, settings=ScanSettings(SeriesChoice(FAMILIES)))
        self._kernel = Kernel(_FELIX)
        self._looks = 0
        self.node.start()

    def send(self) -> str:
        """The dump after one packet of each kind to each pod."""
        for pod in PODS:
            for port in (9, 53, 53, 80, 7):
                self._kernel.send(Packet(pod, Direction.INGRESS, port))
        return self._kernel.dump()

    def look(self) -> Snapshot:
        """A good scan, for which the chains of policies were read anew: the datastore has another policy."""
        self._looks += 1
        self.node.put(policy(f"other-{self._looks}").resource)
        snapshot = self.node.scan(self.send())
        assert snapshot.failure is None
        return snapshot


@dataclass(frozen=True)
class Fault:
    """A function that raises where it `concerns` what it is given. `part` and `chains` are what is told of it, `lost`
    is true of the lines of the page that are gone.

    `again` is false of one that is not called for chains that did not change.
    """

    owner: Any
    name: str
    concerns: Callable[..., bool]
    part: ScanPart
    chains: tuple[str, ...]
    lost: Callable[[str], bool]
    again: bool = True

    @contextmanager
    def broken(self) -> Iterator[None]:
        """While this lasts the function raises, after it did its work and remembered what it did."""
        whole = getattr(self.owner, self.name)

        def faulty(*given: Any, **named: Any) -> Any:
            result = whole(*given, **named)
            if self.concerns(*given):
                raise RuntimeError("a fault")
            return result

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.owner, self.name, faulty)
            yield

    def __str__(self) -> str:
        return f"{self.owner.__name__.rpartition('.')[2]}.{self.name}({','.join(self.chains)})"


def reading(chain: str) -> Callable[..., bool]:
    """True of an account's reading of this chain."""
    return lambda *given: given[-1].chain.layout.name == chain


def of_group(line: str) -> bool:
    """True for what the group did on each pod, also where it is known to be a member's."""
    shared = line.startswith("calico.workload.policy") and ("default.web" in line or "default.dns" in line)
    return shared or "default.web,shop" in line or GROUP in line


def _planning(chain: str) -> Callable[..., bool]:
    return lambda *given: any(getattr(one, "name", "") == chain for one in given)


def _of_pod(line: str) -> bool:
    return _of_pods(line) and '"cali1"' in line


def _of_pods(line: str) -> bool:
    return '"cali' in line and ('type="tw"' in line or ('pod.name="' in line and '"ingress"' in line))


def _of_rules(line: str) -> bool:
    return line.startswith("calico.rule.") and "default.block" in line


def _to_first_pod(owner: Any) -> bool:
    return bool(owner.direction is Direction.INGRESS and owner.endpoint.pod == PODS[0])


_ENDPOINT, _POLICY = ScanPart.ENDPOINT_CHAIN, ScanPart.POLICY_CHAIN
FAULTS = [
    Fault(
        planner,
        "read_endpoint_chain",
        lambda rules: any(rule and rule.target == GROUP for rule in rules),
        _ENDPOINT,
        (TO_POD, TO_OTHER),
        _of_pods,
        again=False,
    ),
    Fault(
        planner.Planner,
        "_make_plan",
        lambda *given: _to_first_pod(given[2]),
        _ENDPOINT,
        (TO_POD,),
        _of_pod,
        again=False,
    ),
    Fault(raw.RawAccount, "read", reading(TO_POD), _ENDPOINT, (TO_POD,), _of_pod),
    Fault(differences.DifferenceAccount, "read", reading(TO_POD), _ENDPOINT, (TO_POD,), _of_pod),
    Fault(shares.SharedAccount, "read", reading(TO_POD), _ENDPOINT, (TO_POD,), _of_pod),
    Fault(raw.RawAccount, "read", reading(BLOCK), _POLICY, (BLOCK,), _of_rules),
    Fault(rule_family.RulePlanner, "_plan_policy", _planning(BLOCK), _POLICY, (BLOCK,), _of_rules),
    Fault(shared_chains, "_plan_policy", _planning(BLOCK), _POLICY, (BLOCK,), lambda line: "default.block" in line),
    Fault(
        shared_chains,
        "_plan_policy",
        _planning(WEB),
        _POLICY,
        (WEB,),
        lambda line: "default.web" in line or of_group(line),
    ),
    Fault(shared_chains, "read_group_chain", lambda _: True, _POLICY, (GROUP,), of_group),
    Fault(
        policies.PolicyAccount,
        "_tell",
        lambda *_: True,
        ScanPart.POLICY_FAMILY,
        ("",),
        lambda line: line.startswith("calico.policy."),
    ),
]
