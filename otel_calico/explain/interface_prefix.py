"""Whether the pods of the datastore and the interfaces of the rules are called by different prefixes.

Calico's own plugin makes an interface's name of a prefix and a hash of the pod (`FELIX_INTERFACEPREFIX`); other plugins
keep the hash and have another prefix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from otel_calico.calico.chains import veth_name
from otel_calico.calico.model import WorkloadEndpoint


def prefix_hint(interfaces: Collection[str], workloads: Iterable[WorkloadEndpoint]) -> str:
    """What to do where none of the workloads has one of these interfaces; empty where one has, or there are none."""
    known = list(workloads)
    if not interfaces or not known or any(one.interface in interfaces for one in known):
        return ""
    told = "no interface with chains belongs to a pod of the datastore"
    if prefix := _prefix(interfaces, known):
        return f"{told}; with the prefix {prefix} they do: set FELIX_INTERFACEPREFIX={prefix}"
    return (
        f"{told}: are both of one node and one time? If its interfaces do not begin with cali, set "
        "FELIX_INTERFACEPREFIX to the value that calico-node has"
    )


def _prefix(interfaces: Collection[str], workloads: Iterable[WorkloadEndpoint]) -> str:
    """What stands before the hash of a pod."""
    for one in workloads:
        digest = veth_name(one.namespace, one.pod, "")
        for interface in interfaces:
            if interface.endswith(digest) and interface != digest:
                return interface.removesuffix(digest)
    return ""
