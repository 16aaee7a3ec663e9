"""Looks at the node's rules and its datastore, and whether they fit together."""

from __future__ import annotations

import time
from collections.abc import Iterator

from otel_calico.check.finding import Finding, Level
from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.status import KindStatus
from otel_calico.lookups import Lookups
from otel_calico.series import Snapshot

_PATIENCE = 10.0  # seconds for the datastore to answer
_MOST_NAMES = 5
_RBAC_FILE = "config/kubernetes-rbac.yaml"


def check_datastore(datastore: Datastore) -> Iterator[Finding]:
    """Whether every kind of resource can be listed and watched."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and not all(map(_has_answered, datastore.status().kinds.values())):
        time.sleep(0.05)
    refused: dict[str, list[str]] = {}
    for name, kind in datastore.status().kinds.items():
        if not (kind.in_sync and kind.connected):
            refused.setdefault(kind.last_error or f"no answer within {_PATIENCE:g} s", []).append(name)
        elif kind.decode_failures:
            text = f"{name}: {kind.held} held, {kind.decode_failures} not understood"
            yield Finding(Level.WARN, "datastore", text, kind.last_error)
        else:
            yield Finding(Level.OK, "datastore", f"{name}: {kind.held} held")
    for reason, names in refused.items():
        yield Finding(Level.FAIL, "datastore", f"{', '.join(names)}: {reason}", _remedy(reason))


def check_rules(snapshot: Snapshot) -> Finding:
    """Whether Felix's rules are there and can be read."""
    report = snapshot.report
    if snapshot.failure:
        text = snapshot.failure.message
        section = "eBPF" if snapshot.failure.kind == "ebpf_dataplane" else "Rules"
        return Finding(Level.FAIL, "rules", text, f"see docs/troubleshooting.md, section {section}")
    rules = ", ".join(f"{count} {version} rules" for version, count in report.rules.items())
    text = f"{report.backend} backend, {rules}"
    if report.malformed_lines:
        remedy = "please report them: no iptables or nftables version known prints such"
        return Finding(Level.WARN, "rules", f"{text}, {report.malformed_lines} unreadable lines", remedy)
    return Finding(Level.OK, "rules", text)


def check_names(snapshot: Snapshot, lookups: Lookups, node_name: str) -> Iterator[Finding]:
    """Whether every interface has its workload and every policy chain its name."""
    unknown = snapshot.report.interfaces_without_workload
    known = len(tuple(lookups.interfaces()))
    if unknown and not known:
        remedy = "is the node name the one in spec.node of the endpoints? Set NODENAME"
        yield Finding(Level.FAIL, "workloads", f"the datastore has none on node {node_name!r}", remedy)
    elif unknown:
        remedy = "pods that come or go now; if it stays, their WorkloadEndpoints are missing"
        yield Finding(Level.WARN, "workloads", f"no workload behind {_some(unknown)}", remedy)
    else:
        yield Finding(Level.OK, "workloads", f"{known} endpoints, every interface has its own")
    unnamed = snapshot.report.chains_without_name
    if unnamed:
        remedy = "their policies are not in the datastore (any more); series show the chain's name"
        yield Finding(Level.WARN, "policies", f"no name for {_some(unnamed)}", remedy)
    else:
        yield Finding(Level.OK, "policies", "every chain has a name")


def _has_answered(kind: KindStatus) -> bool:
    """Listed and watched, or refused twice: the first time may have been a server that was just starting."""
    return (kind.in_sync and kind.connected) or kind.errors > 1


def _remedy(reason: str) -> str:
    if _RBAC_FILE in reason:
        return f"kubectl apply -f {_RBAC_FILE}, and give the pod its service account"
    return "compare the settings with calico-node's"


def _some(names: tuple[str, ...]) -> str:
    listed = ", ".join(sorted(names)[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{listed} and {more} more" if more > 0 else listed
