"""Rulesets in this process: a source whose counters move, and one whose pods come and go. No kernel, no etcd."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from benchmarks.shapes import Shape, workload, workload_endpoint
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.sources.ruleset_source import Dump, GivenRules
from tests.felix import render

_TEMPLATE = workload(0).interface
_COUNTERS = re.compile(r"^\[\d+:\d+\]", re.MULTILINE)


class MovingSource(GivenRules):
    """Every read finds every counter of every rule higher than the read before."""

    backend = "legacy"

    def __init__(self, shape: Shape) -> None:
        ruleset = render(shape.node())
        self._dump, self._hashes, self._reads = ruleset.dump, ruleset.hashes, 0

    def read(self) -> Sequence[Dump]:
        """The node's IPv4 ruleset."""
        self._reads += 1
        packets = 10**5 + 7 * self._reads
        return [Dump(IPVersion.V4, self._dump(dict.fromkeys(self._hashes, (packets, 60 * packets))))]


class ChurningSource(GivenRules):
    """Before every read the older half of the pods makes room for new ones, in the ruleset and in the lookups."""

    backend = "legacy"

    def __init__(self, shape: Shape, lookups: Lookups) -> None:
        shape.fill(lookups)
        self._lookups = lookups
        self._live = [workload(number) for number in range(shape.pods)]
        self._parts = list(_parts(replace(shape, pods=1)))
        self._replaced = max(1, shape.pods // 2)
        self.pods_so_far = shape.pods

    def read(self) -> Sequence[Dump]:
        """The ruleset after the change."""
        gone, self._live = self._live[: self._replaced], self._live[self._replaced :]
        new = [workload(number) for number in range(self.pods_so_far, self.pods_so_far + self._replaced)]
        self.pods_so_far += self._replaced
        self._live += new
        for pod in gone:
            self._lookups.remove("workloadendpoints", pod.pod)
        for pod in new:
            self._lookups.put("workloadendpoints", pod.pod, workload_endpoint(pod))
        return [Dump(IPVersion.V4, self._text())]

    def _text(self) -> str:
        interfaces = [pod.interface for pod in self._live]
        parts = [
            part if _TEMPLATE not in part else "".join(part.replace(_TEMPLATE, interface) for interface in interfaces)
            for part in self._parts
        ]
        return _COUNTERS.sub(f"[{self.pods_so_far}:{60 * self.pods_so_far}]", "".join(parts))


def _parts(shape: Shape) -> Iterator[str]:
    """The dump of a node with one pod, cut where the texts of further pods belong: chain by chain, else by line."""
    lines = render(shape.node()).dump().splitlines(keepends=True)
    for chain, members in groupby(lines, key=_chain):
        if _TEMPLATE in chain:
            yield "".join(members)
        else:
            yield from members


def _chain(line: str) -> str:
    return line.split(" ")[2] if line.startswith("[") else ""
