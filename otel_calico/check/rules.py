"""Checks the node's rules and its datastore, and whether they match."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence, Set

from otel_calico.calico.chains import host_endpoint_chain, workload_chain
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.check.finding import Finding, Level
from otel_calico.datastores.datastore import Datastore
from otel_calico.datastores.decode import HOST_ENDPOINTS
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.explain.interface_prefix import prefix_hint
from otel_calico.readiness import some, unread_rules
from otel_calico.scanning.scan import Scan
from otel_calico.snapshot import Snapshot

_PATIENCE = 10.0  # seconds for the datastore to answer
_RULES_REMEDY = "see docs/troubleshooting.md, section Rules"
_NO_CREDENTIALS = "automountServiceAccountToken"
_RUNBOOK = "docs/runbooks/CalicoFormerBackendInForce.md"
_RBAC_FILE = "config/kubernetes-rbac.yaml"


def wait_for_answers(datastore: Datastore) -> None:
    """Wait until every watched kind has an answer, good or bad."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and not all(map(_has_answered, datastore.status().kinds.values())):
        time.sleep(0.05)


def check_datastore(status: DatastoreStatus) -> Iterator[Finding]:
    """Whether every watched kind can be listed and watched, and why the others are not watched."""
    refused: dict[str, list[str]] = {}
    for name, kind in status.kinds.items():
        if not (kind.in_sync and kind.connected):
            refused.setdefault(kind.last_error or f"no answer within {_PATIENCE:g} s", []).append(name)
        elif kind.decode_failures:
            text = f"{name}: {kind.held} held, {kind.decode_failures} not understood"
            yield Finding(Level.WARN, "datastore", text, kind.last_error)
        else:
            yield Finding(Level.OK, "datastore", f"{name}: {kind.held} held")
    for reason, names in refused.items():
        yield Finding(Level.FAIL, "datastore", f"{', '.join(names)}: {reason}", _remedy(reason))
    for reason, kinds in status.unwatched_by_reason.items():
        yield Finding(Level.OK, "datastore", f"{', '.join(kinds)}: not watched, {reason}")


def check_rules(snapshot: Snapshot) -> Finding:
    """Whether Felix's rules are there and can be read."""
    report = snapshot.report
    if snapshot.failure:
        text = snapshot.failure.message
        section = "eBPF" if report.dataplane == "ebpf" else "Rules"
        return Finding(Level.FAIL, "rules", text, f"see docs/troubleshooting.md, section {section}")
    rules = ", ".join(f"{count} {version} rules" for version, count in report.rules.items())
    how = f" over {report.reader}" if report.reader == "netlink" else ""
    text = f"{report.backend} backend{how}, {rules}"
    if report.unreadable:
        reasons = "; ".join(f"{version} is left out: {reason}" for version, reason in report.unreadable.items())
        return Finding(Level.WARN, "rules", f"{text}, {reasons}", _RULES_REMEDY)
    if report.malformed_lines:
        remedy = "please report them: no iptables or nftables version known prints such"
        return Finding(Level.WARN, "rules", f"{text}, {report.malformed_lines} unreadable lines", remedy)
    if notes := list(unread_rules(report)):
        return Finding(Level.WARN, "rules", f"{text}; {'; '.join(notes)}", _RULES_REMEDY)
    if report.refusal:
        remedy = "docs/troubleshooting.md, section Rules, says how to let netlink through; it costs a tenth of nft"
        return Finding(
            Level.WARN, "rules", f"{text}, read by {report.reader}, not over netlink: {report.refusal}", remedy
        )
    return Finding(Level.OK, "rules", text)


def check_tables_in_force(told: TablesInForce) -> Finding:
    """What packets must pass beside the rules that are shown, and how to remove it."""
    remedy = "set FELIX_IPTABLESBACKEND and FELIX_NFTABLESMODE as calico-node has them, and look again"
    if told.certain:
        remedy = f"remove what is left over: {'; '.join(command for one in told.former for command in _removal(one))}"
    return Finding(Level.WARN, "tables in force", str(told), f"{remedy} ({_RUNBOOK})")


def _removal(backend: str) -> Sequence[str]:
    """Commands that take Calico's rules out of a backend, and leave everybody else's with their counters."""
    if backend == "nftables":
        return [f"nft delete table {family} calico" for family in ("ip", "ip6")]
    return [
        f"{program}-{backend}-save -c | grep -vE '^:cali-|-A cali-|\"cali:' | {program}-{backend}-restore -c"
        for program in ("iptables", "ip6tables")
    ]


def check_names(scan: Scan, lookups: Lookups, node_name: str) -> Iterator[Finding]:
    """Whether every interface has its owner and every policy chain its name."""
    hosts, report = _host_interfaces(scan), scan.snapshot.report
    unknown, unnamed = report.interfaces_without_workload, report.chains_without_name
    workloads = tuple(filter(None, map(lookups.endpoint, lookups.interfaces())))
    if hint := prefix_hint(_workload_interfaces(scan), workloads):
        yield Finding(Level.FAIL, "workloads", f"none of the {len(workloads)} endpoints has chains here", hint)
    else:
        yield _check_workloads([name for name in unknown if name not in hosts], len(workloads), node_name)
    yield from _check_host_endpoints(hosts, hosts & set(unknown), lookups)
    if report.workloads_without_chains:
        remedy = "a pod that is starting has none for a moment; if it stays, see the log of calico-node on this node"
        text = f"Felix has written no chain for {some(report.workloads_without_chains)}: their packets are dropped"
        yield Finding(Level.WARN, "workloads", text, remedy)
    if scan.ebpf:
        return  # its programs hold the names of all policies
    if unnamed:
        remedy = "their policies are not in the datastore, or datastore.policies is never; series show the chain's name"
        yield Finding(Level.WARN, "policies", f"no name for {some(unnamed)}", remedy)
    else:
        yield Finding(Level.OK, "policies", "every chain has a name")
    if wrong := report.contradicted_tiers:
        remedy = "Felix v3.29 leaves them in native nftables, v3.30 does not: what the policies' chains tell counts"
        yield Finding(Level.WARN, "tiers", f"comments of other tiers: {some(wrong)}", remedy)


def _check_workloads(unknown: Collection[str], known: int, node_name: str) -> Finding:
    if unknown and not known:
        remedy = "is the node name the one in spec.node of the endpoints? Set NODENAME"
        return Finding(Level.FAIL, "workloads", f"the datastore has none on node {node_name!r}", remedy)
    if unknown:
        remedy = "pods that come or go now; if it stays, their WorkloadEndpoints are missing"
        return Finding(Level.WARN, "workloads", f"no workload behind {some(unknown)}", remedy)
    text = f"{known} endpoints, every interface has its own" if known else "none on this node, and no rules for any"
    return Finding(Level.OK, "workloads", text)


def _check_host_endpoints(interfaces: Iterable[str], unknown: Collection[str], lookups: Lookups) -> Iterator[Finding]:
    """Only where the datastore is asked for them, which is with family `workload`."""
    names = {endpoint.name for interface in interfaces if (endpoint := lookups.host_endpoint(interface))}
    if unknown:
        remedy = "the datastore has none of this node: is the node name the one in their spec.node? Set NODENAME"
        if lookups.held(HOST_ENDPOINTS):
            remedy = "set spec.interfaceName of this node's HostEndpoints: rules do not tell their addresses"
        yield Finding(Level.WARN, "host endpoints", f"no name for the one of {some(unknown)}", remedy)
    elif names:
        yield Finding(Level.OK, "host endpoints", some(names))


def _workload_interfaces(scan: Scan) -> Set[str]:
    """The interfaces of workloads that have chains."""
    chains = (chain for one in scan.rulesets for chain in one.ruleset.chains)
    return {of_workload[1] for chain in chains if (of_workload := workload_chain(chain))}


def _host_interfaces(scan: Scan) -> Set[str]:
    """The node's own interfaces that have chains; `*` stands for all."""
    chains = (chain for one in scan.rulesets for chain in one.ruleset.chains)
    return {host.interface for chain in chains if (host := host_endpoint_chain(chain))}


def _has_answered(kind: KindStatus) -> bool:
    """Listed and watched, or refused twice: the first time may have been a server that was just starting."""
    return (kind.in_sync and kind.connected) or kind.errors > 1


def _remedy(reason: str) -> str:
    if _RBAC_FILE in reason:
        return f"kubectl apply -f {_RBAC_FILE}, and give the pod its service account"
    if _NO_CREDENTIALS in reason:
        return "see docs/kubernetes.md, section Where the API server is"
    return "compare the settings with calico-node's"
