"""A node to measure: its rules in legacy iptables of a namespace, its resources in a real etcd, the real service."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from benchmarks.shapes import Shape
from benchmarks.traffic import Traffic, gains
from tests.end_to_end.cluster import NODE_NAME
from tests.felix import Node, Ruleset, render, update
from tests.felix.kernel import SIZE
from tests.node.etcd import Etcd
from tests.node.iptables import clear, load, set_counters
from tests.node.namespace import Namespace
from tests.node.service import Service

BACKEND = "legacy"


class BenchmarkNode:
    """Starts with resources in etcd and no rules; `program` writes them. Ends all its parts."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._whole = shape.node()
        self._rulesets = render(self._whole), render(without_one_policy(self._whole))
        self._gains = {traffic: gains(self._whole, self._rulesets[0], traffic) for traffic in Traffic}
        self._counters = {
            rule_hash: (10**5 + place, 10**7 + place) for place, rule_hash in enumerate(self.ruleset.hashes)
        }
        with ExitStack() as parts:
            self.namespace = parts.enter_context(Namespace())
            self.etcd = parts.enter_context(Etcd(namespace=self.namespace)).start()
            self.etcd.put_all(shape.resources())
            self._parts = parts.pop_all()

    @property
    def ruleset(self) -> Ruleset:
        """The rules now in the kernel, or to be written."""
        return self._rulesets[0]

    def program(self) -> None:
        """Write all rules."""
        set_counters(self.namespace, self.ruleset.dump(self._counters), BACKEND)

    def clear(self) -> None:
        """Take all rules away."""
        clear(self.namespace, BACKEND)

    def move(self, traffic: Traffic) -> None:
        """Raise the counters of the rules that this traffic meets."""
        for rule_hash, gain in self._gains[traffic].items():
            packets, size = self._counters[rule_hash]
            self._counters[rule_hash] = packets + gain, size + SIZE * gain
        if traffic is not Traffic.QUIET:
            self.program()

    def change_one_chain(self) -> None:
        """Write as Felix does when a policy is taken from one pod, or when it comes back."""
        before, after = self._rulesets
        load(self.namespace, update(before, after, BACKEND), BACKEND)
        self._rulesets = after, before

    def service(self, env: Mapping[str, str] | None = None) -> Service:
        """The service, not yet started. Every scrape scans unless `env` sets another freshness."""
        own = {
            "NODENAME": NODE_NAME,
            "ETCD_ENDPOINTS": self.etcd.endpoint,
            "OTEL_CALICO_METRICS_FRESHNESS": "0",
            "OTEL_CALICO_IPTABLES_TIME_LIMIT": "1m",  # it is CPU that is measured, on a machine that may be busy
            "PYTHONPATH": str(Path(__file__).parent / "without_development"),
        }
        return Service({**own, **(env or {})}, namespace=self.namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()


def without_one_policy(node: Node) -> Node:
    """The same node after a policy was taken from the ingress of its first pod."""
    first, *others = node.endpoints
    return replace(node, endpoints=(replace(first, ingress=first.ingress[:-1]), *others))
