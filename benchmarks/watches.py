"""What one node costs the API server: watches, bytes and memory, by when it watches policies.

The service runs on saved rules against an API server with the real one's rules of list and watch. An hour is shortened:
its 3,600 changes of a policy and its bookmarks, one a minute for each watch, come in a few seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import resident_megabytes
from benchmarks.shapes import Scale, Shape
from benchmarks.table import Row, progress
from otel_calico.calico.model import IPVersion
from tests.end_to_end.cluster import NAMESPACE, NODE_NAME
from tests.felix import Era, render
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.objects import Object, calico, changed, cluster_information, pod
from tests.node.programs import wait_until
from tests.node.service import Service
from tests.node.web import answers

_NODE = Shape(110, 8)
_HOUR = 6.0
"""Seconds that an hour is shortened to."""
_WRITER = {
    "manager": "kubectl-client-side-apply",
    "operation": "Update",
    "apiVersion": "crd.projectcalico.org/v1",
    "time": "2026-01-01T00:00:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {
        "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}},
        "f:spec": {".": {}, "f:ingress": {}, "f:order": {}, "f:selector": {}, "f:types": {}},
    },
}


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one service. `bytes` are those of an hour after it was in sync, `listed` those until then."""

    watches: int
    listed: int
    bytes: int
    megabytes: float


def measure(scale: Scale) -> list[Row]:
    """Three rows for each release whose rules a node may have, against a node that watches all policies."""
    with _cluster(scale) as api:
        always = _cost(api, scale, Era.E, "always")
        return [
            row
            for era, release in ((Era.A3, "v3.26"), (Era.E, "v3.32"), (Era.A1, "v3.21"))
            for row in _rows(f"{scale.watched_policies:,} policies, rules of {release}", _cost(api, scale, era), always)
        ]


def _rows(what: str, cost: _Cost, always: _Cost) -> Iterator[Row]:
    named = "v3.21" not in what  # the rules name every policy
    ratio = cost.bytes / always.bytes
    yield Row(
        f"{what}: watches",
        str(cost.watches),
        "1" if named else "",
        cost.watches == 1 if named else None,
        f"`policies: always` {always.watches}",
    )
    yield Row(
        f"{what}: received in an hour with a change of a policy every second",
        f"{cost.bytes / 1e3:,.0f} kB, {cost.listed / 1e3:,.0f} kB at the start",
        "< 0.01 times" if named else "",
        ratio < 0.01 if named else None,
        f"`policies: always` {always.bytes / 1e3:,.0f} kB, {always.listed / 1e3:,.0f} kB at the start",
        ratio,
    )
    yield Row(
        f"{what}: memory (RSS)",
        f"{cost.megabytes:.0f} MB",
        against=f"`policies: always` {always.megabytes:.0f} MB",
        ratio=cost.megabytes / always.megabytes,
    )


@contextmanager
def _cluster(scale: Scale) -> Iterator[ApiServer]:
    with ApiServer() as api:
        progress(f"API server with {scale.watched_policies:,} policies")
        pods = [pod(one.pod, namespace=NAMESPACE, node=NODE_NAME, ip=one.ipv4) for one in _NODE.workloads]
        api.store.put(cluster_information("v3.32.1"), *pods, *map(_policy, range(scale.watched_policies)))
        yield api


def _policy(number: int, order: int = 0) -> Object:
    """A policy as `kubectl apply` leaves it: the whole of it once more as an annotation, and who wrote which field."""
    rules = [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [8000 + number % 1000]}}]
    spec: dict[str, Any] = {"selector": "all()", "ingress": rules, "order": order}
    found = calico("NetworkPolicy", f"default.p{number}", f"ns-{number % 500}", **spec)
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": str(found)}
    return changed(found, metadata={"annotations": annotations, "managedFields": [_WRITER]})


def _cost(api: ApiServer, scale: Scale, era: Era, policies: str = "auto") -> _Cost:
    env = {"NODENAME": NODE_NAME, "DATASTORE_TYPE": "kubernetes", "K8S_API_ENDPOINT": api.url}
    env["OTEL_CALICO_DATASTORE_POLICIES"] = policies
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "rules"
        rules.write_text(render(_NODE.node(era), IPVersion.V4).dump())
        api.asked.clear()
        api.sent, api.behaviour.bookmark_every = 0, _HOUR / 60
        with Service(env, "--ruleset", str(rules)) as service:
            service.start("/healthz")
            service.wait(lambda: answers(f"http://{service.address}/readyz"), "ready", seconds=60)
            service.scrape()
            wait_until(lambda: all(service.scrape()["otel_calico_datastore_connected"].values()), "all is watched", 60)
            listed, watches = api.sent, len(api.streams)
            _hour(api, scale)
            service.scrape()
            return _Cost(watches, listed, api.sent - listed, resident_megabytes(service.process.pid))


def _hour(api: ApiServer, scale: Scale) -> None:
    """The changes of an hour, while as many bookmarks come as in one."""
    began = time.monotonic()
    for number in range(scale.policy_changes):
        api.store.put(_policy(number % scale.watched_policies, order=1 + number))
        time.sleep(max(0.0, began + _HOUR * number / scale.policy_changes - time.monotonic()))
    time.sleep(max(0.0, began + _HOUR - time.monotonic()))
