"""etcd hangs, is out of reach, forgets, is another, loses a member: what was known stays served."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial

from endurance.faults.etcd_cluster import EtcdCluster
from endurance.faults.fault import Fault, Witness
from endurance.faults.stage import ERA, Stage, counted, policy_series
from tests.end_to_end.cluster import WEB
from tests.end_to_end.live_node import by_kind
from tests.end_to_end.resources import datastore, endpoint
from tests.node.service import Service

_BACK = 40.0
"""Seconds within which a change must be seen once etcd is back: keepalive, backoff and a new list."""
_SCRAPES = 5
_KEPT = "what was known stays served, no scrape waits; "

_PARTITION = """
add table inet partition
add chain inet partition input {{ type filter hook input priority -300; }}
add rule inet partition input tcp dport {port} drop
add rule inet partition input tcp sport {port} drop
"""


def paused(stage: Stage, witness: Witness) -> None:
    """SIGSTOP: connections stay, nothing answers."""
    service = stage.counted()
    stage.node.etcd.pause()
    try:
        _stays_served(service, witness)
    finally:
        stage.node.etcd.resume()
    _follows(stage, service, witness)


def partitioned(stage: Stage, witness: Witness) -> None:
    """Packets to and from etcd vanish: no reset, no end of the connection."""
    service = stage.counted()
    port = stage.node.etcd.endpoint.rpartition(":")[2]
    stage.node.namespace.run("nft", "-f", "-", text=_PARTITION.format(port=port))
    try:
        _stays_served(service, witness)
        witness.await_("noticed", lambda: set(by_kind(service, "connected").values()) == {0}, 60)
        _stays_served(service, witness)
    finally:
        stage.node.namespace.run("nft", "delete", "table", "inet", "partition")
    _follows(stage, service, witness)


def compacted(stage: Stage, witness: Witness) -> None:
    """While it was away, etcd forgot the history from where the watch would go on."""
    service = stage.counted()
    stage.node.etcd.kill()
    witness.await_("noticed", lambda: set(by_kind(service, "connected").values()) == {0}, 10)
    _stays_served(service, witness)
    service.pause()
    stage.node.etcd.start()
    stage.node.etcd.delete(endpoint(WEB)[0])
    stage.node.etcd.compact(stage.node.etcd.put("/calico/other", "x"))
    service.resume()
    witness.await_("the pod deleted meanwhile is gone", lambda: _pods(service) == {"client-0"}, _BACK)
    stage.node.etcd.put(*endpoint(WEB))
    witness.await_("the pod is back with its numbers", lambda: _accepts(service) == _accepted(), _BACK)


def restarted_empty(stage: Stage, witness: Witness) -> None:
    """etcd comes back without any data: its revisions begin anew, behind those of the watch."""
    service = stage.counted()
    stage.node.etcd.kill()
    shutil.rmtree(stage.node.etcd.directory / "data")
    stage.node.etcd.start()
    witness.await_("no pod is claimed any more", lambda: not _pods(service), _BACK)
    witness.expect("it stays alive", service.get("/healthz").status == 200)
    stage.node.etcd.put_all(datastore(ERA))
    witness.await_("all is back once restored, with the same numbers", lambda: _accepts(service) == _accepted(), _BACK)


def member_lost(stage: Stage, witness: Witness) -> None:
    """One member after another of a cluster of three is killed and comes back; two are a majority."""
    with EtcdCluster(stage.node.namespace) as members:
        members[0].put_all(datastore(ERA))
        service = stage.counted({"ETCD_ENDPOINTS": ",".join(member.endpoint for member in members)})
        key, value = endpoint(WEB)
        for number, member in enumerate(members, 1):
            member.kill()
            other = members[number % len(members)]
            witness.expect(f"member {number} lost: all numbers served", _accepts(service) == _accepted())
            _retried(partial(other.delete, key))
            witness.await_("a change is seen", lambda: _pods(service) == {"client-0"}, _BACK)
            _retried(partial(other.put, key, value))
            witness.await_("and the next", lambda: _accepts(service) == _accepted(), _BACK)
            member.start()


FAULTS = (
    Fault("etcd stopped (SIGSTOP)", f"{_KEPT}the change made afterwards is seen", paused, quick=True),
    Fault("etcd partitioned (packets dropped)", f"{_KEPT}it is noticed, and seen when it is over", partitioned),
    Fault("etcd killed, compacted while away", "a new list replaces what was known; the deleted is gone", compacted),
    Fault("etcd restarted empty", "nothing is claimed that etcd does not hold; all back once restored",
          restarted_empty, quick=True),
    Fault("each member of a three-member cluster lost in turn", "the others are asked; nothing is lost", member_lost),
)  # fmt: skip


def _stays_served(service: Service, witness: Witness) -> None:
    began = time.monotonic()
    same = all(policy_series(service) == counted() for _ in range(_SCRAPES))
    witness.expect(f"{_SCRAPES} scrapes with all series", same)
    longest = 0.5 * _SCRAPES
    took = time.monotonic() - began
    witness.see(f"in {took:.1f} s", took < longest)
    witness.expect("/readyz says ready", service.get("/readyz").status == 200)


def _follows(stage: Stage, service: Service, witness: Witness) -> None:
    stage.node.etcd.delete(endpoint(WEB)[0])
    witness.await_("a change is seen", lambda: _pods(service) == {"client-0"}, _BACK)


def _pods(service: Service) -> set[str]:
    return {dict(labels)["pod"] for name in list(counted())[:3] for labels in policy_series(service)[name]}


def _accepts(service: Service) -> object:
    return policy_series(service)["policy_accept_counter"]


def _accepted() -> object:
    return counted()["policy_accept_counter"]


def _retried(action: Callable[[], object]) -> None:
    """A cluster that lost its leader refuses for a moment."""
    for remaining in reversed(range(20)):
        try:
            action()
        except (RuntimeError, OSError):
            if not remaining:
                raise
            time.sleep(0.25)
        else:
            return
