"""What a recording's pages say was gained from its first moment to its last, in the words of its truth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from otel_calico.calico.model import IPVersion
from tests.recordings.recording import Moment, Recording
from tests.recordings.replay import pages

Table = Counter[str]
"""Packets by key, as in `truth.json`; nothing where it is 0."""

NOBODYS = "calie07583122e9"
"""The interface of the recordings that is nobody's endpoint."""

_Labels = Mapping[str, str]
_SAMPLE = re.compile(r"(\w+)\{(.*)\} (\d+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_REVERSE_PATH_DROP = re.compile(
    r"^\[([1-9]\d*):\d+\] -A cali-PREROUTING .* -j DROP$"
    r'|"chain": "raw-cali-PREROUTING"[^\n]{0,400}"packets": ([1-9]\d*), "bytes": \d+\}\}, \{"drop": null\}',
    re.MULTILINE,
)
_WAYS = {"fw": "egress", "tw": "ingress"}


def policies(recording: Recording) -> Table:
    """Family `policy`."""
    return _table(recording, "calico_policy_packets_total", _of_policy)


def rules(recording: Recording) -> Table:
    """Family `rule`, the rules of each policy together."""
    return _table(recording, "calico_rule_packets_total", _of_policy)


def workloads(recording: Recording) -> Table:
    """Family `workload`: verdicts of policies. Those of an undivided group are joined with commas."""
    return _table(
        recording,
        "calico_workload_policy_packets_total",
        lambda labels: f"{_who(labels)}|{_of_policy_alone(labels)}",
    )


def dropped(recording: Recording) -> Table:
    """Other drops: of family `workload`, and the node's."""
    return _table(recording, "calico_workload_dropped_packets_total", _of_drop) + _table(
        recording, "calico_node_dropped_packets_total", _of_node_drop
    )


def sent_drops(recording: Recording) -> Table:
    """The drops of the truth.

    Where Felix checks reverse paths, packets of the interface that nobody owns never came to table `filter`.
    """
    sent = Table(recording.truth.dropped)
    if _meets_reverse_path_check(recording):
        sent["node|reverse_path (table raw)"] = sent.pop(f"interface {NOBODYS}|egress|unknown_interface")
    return sent


def _meets_reverse_path_check(recording: Recording) -> bool:
    dump = recording.dump(Moment.AFTER, IPVersion.V4)
    return bool(_REVERSE_PATH_DROP.search(dump))


def accepted_by_accountant(recording: Recording) -> Table:
    """Family `accountant`, in the words of `workloads`."""
    return _table(recording, "policy_accept_counter", lambda labels: f"{_pod(labels)}|{labels['policy']}|allow")


def denied_by_accountant(recording: Recording) -> Table:
    """Family `accountant`, in the words of `workloads`."""
    return _table(recording, "policy_accept_drop_counter", lambda labels: f"{_pod(labels)}|{labels['policy']}|deny")


def dropped_by_accountant(recording: Recording) -> Table:
    """Family `accountant`, in the words of `dropped`."""
    return _table(
        recording,
        "no_policy_drop_counter",
        lambda labels: f"{_pod(labels)}|end_of_tier {labels.get('tier', 'default')}",
    )


def with_groups(table: Mapping[str, int], keys: Iterable[str]) -> Table:
    """The table with what is under the members of groups moved to the groups, whose keys in `workloads` these are."""
    found = Table(table)
    for key in keys:
        who, direction, group, verdict = key.split("|")
        for member in group.split(",") if "," in group else ():
            found[key] += found.pop(f"{who}|{direction}|{member}|{verdict}", 0)
    return found


def _of_policy(labels: _Labels) -> str:
    return "{calico_policy_name}|{calico_direction}|{calico_verdict}".format_map(labels)


def _of_policy_alone(labels: _Labels) -> str:
    return "{calico_direction}|{calico_policy_name}|{calico_verdict}".format_map(labels)


def _of_drop(labels: _Labels) -> str:
    words = [
        labels["reason"],
        *(labels[name] for name in ("calico_tier", "calico_encapsulation", "calico_profile_name") if name in labels),
    ]
    return f"{_who(labels)}|{labels['calico_direction']}|{' '.join(words)}"


def _of_node_drop(labels: _Labels) -> str:
    if "calico_table" in labels:
        return f"node|{labels['reason']} (table {labels['calico_table']})"
    return f"interface {NOBODYS}|{labels['calico_direction']}|{labels['reason']}"


def _who(labels: _Labels) -> str:
    if "calico_table" in labels:
        return "host {network_interface_name} (table {calico_table})".format_map(labels)
    if "calico_host_endpoint_traffic" in labels:
        return "host {network_interface_name} {calico_host_endpoint_traffic}".format_map(labels)
    return "{k8s_namespace_name}/{k8s_pod_name}".format_map(labels)


def _pod(labels: _Labels) -> str:
    return f"{labels['pod_namespace']}/{labels['pod']}|{_WAYS[labels['type']]}"


def _table(recording: Recording, metric: str, key: Callable[[_Labels], str]) -> Table:
    gained = Table()
    for moment, sign in ((Moment.AFTER, 1), (Moment.BEFORE, -1)):
        for labels, value in _samples(pages(recording)[moment], metric):
            gained[key(labels)] += sign * value
    return Table({name: packets for name, packets in gained.items() if packets})


def _samples(page: str, metric: str) -> Iterator[tuple[_Labels, int]]:
    for line in page.splitlines():
        if line.startswith(f"{metric}{{") and (found := _SAMPLE.fullmatch(line)):
            yield dict(_LABEL.findall(found[2])), int(found[3])
