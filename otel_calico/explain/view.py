"""What a scan shows, whichever dataplane it was."""

from __future__ import annotations

from otel_calico.calico.lookups import Lookups
from otel_calico.explain.ebpf_view import EbpfView
from otel_calico.explain.node_view import NodeView
from otel_calico.scanning.scan import Scan


def view_of(scan: Scan, lookups: Lookups, former: Scan | None = None, interface_prefix: str = "cali") -> NodeView:
    """The view of a scan, compared with a former one of the same dataplane if there is one."""
    if former and (former.ebpf is None) is not (scan.ebpf is None):
        former = None
    if scan.ebpf:
        return EbpfView(scan, scan.ebpf, lookups, former, interface_prefix)
    return NodeView(scan, lookups, former, interface_prefix)
