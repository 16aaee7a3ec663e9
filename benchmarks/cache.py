"""The etcd cache in a large cluster: how soon it is in sync, and how soon an event is in the lookups.

Wall-clock times. An event's begins before it is written, so it includes etcd's own write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks.shapes import ERA, VERSION, Scale, policy, workload
from benchmarks.table import Row, milliseconds, progress
from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.etcd.etcd_datastore import EtcdDatastore
from tests.end_to_end.cluster import NODE_NAME
from tests.end_to_end.resources import cluster_information, endpoint, policy_entry
from tests.node.etcd import Etcd
from tests.node.programs import wait_until

_SYNC_BAR, _EVENT_BAR = 5.0, 0.050  # seconds
_PODS_PER_NODE = 100
_POLL = 0.0002  # seconds


def measure(scale: Scale) -> list[Row]:
    """Time to be in sync, and from event to lookup."""
    what = f"etcd cache, {scale.cluster_policies:,} policies, {scale.cluster_endpoints:,} endpoints"
    with Etcd() as etcd:
        progress(f"{what}: writing")
        etcd.start().put_all(dict(_cluster(scale)))
        lookups = Lookups()
        datastore = EtcdDatastore(EtcdAccess((etcd.endpoint,)), NODE_NAME, "cali", lookups)
        wall, cpu = time.perf_counter(), time.process_time()
        datastore.start()
        try:
            wait_until(lambda: datastore.status().in_sync, "in sync", 60)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            progress(f"{what}: in sync after {wall:.2f} s; events")
            events = sorted(_events(etcd, lookups, scale))
        finally:
            datastore.stop()
    slowest = events[int(0.99 * (len(events) - 1))]
    return [
        Row(f"{what}: in sync", f"{wall:.2f} s, of which CPU {cpu:.2f} s", f"≤ {_SYNC_BAR:g} s", wall <= _SYNC_BAR),
        Row(
            f"{what}: event to lookup",
            f"p99 {1e3 * slowest:.1f} ms; {milliseconds(events)}",
            f"≤ {1e3 * _EVENT_BAR:g} ms",
            slowest <= _EVENT_BAR,
        ),
    ]


def _cluster(scale: Scale) -> Iterator[tuple[str, str]]:
    """All resources; the first pods are those of the node, the others of other nodes."""
    yield cluster_information(VERSION)
    yield from (policy_entry(policy(number), ERA) for number in range(scale.cluster_policies))
    for number in range(scale.cluster_endpoints):
        place = number // _PODS_PER_NODE
        yield endpoint(workload(number), f"node-{place + 1}")


def _events(etcd: Etcd, lookups: Lookups, scale: Scale) -> Iterator[float]:
    """Seconds from writing a new pod of this node until its interface is known."""
    for number in range(scale.cluster_endpoints, scale.cluster_endpoints + scale.events):
        pod = workload(number)
        started = time.perf_counter()
        etcd.put(*endpoint(pod))
        yield _until(lambda: lookups.endpoint(pod.interface) is not None) - started  # noqa: B023 - called at once


def _until(ready: Callable[[], bool]) -> float:
    """The moment at which something became true."""
    end = time.monotonic() + 10
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("an event did not reach the lookups within 10 s")
        time.sleep(_POLL)
    return time.perf_counter()
