"""The content of the page of one workload or host endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction
from otel_calico.explain.conclusion import conclusion
from otel_calico.explain.counts import Trust
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointPath, EndpointTraffic


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of the traffic in one IP version. `now` is a sentence on what moved, empty if that is unknown;
    `ever` one on all since Felix wrote the rules.
    """

    path: EndpointPath
    now: str
    ever: str

    @property
    def title(self) -> str:
        """What goes this way."""
        endpoint = self.path.endpoint
        inward = endpoint.direction is Direction.INGRESS
        if endpoint.traffic:
            in_table = endpoint.key is not None and endpoint.key.words
            traffic = f"Traffic in {endpoint.traffic}" if in_table else f"{endpoint.traffic.capitalize()} traffic"
            return f"{traffic}, {'in' if inward else 'out'}"
        return f"{'To' if inward else 'From'} the workload"

    @property
    def drops_now(self) -> bool:
        """Whether any of its traffic was dropped since the former look."""
        path = self.path
        counts = [
            path.totals.dropped if path.totals else None,
            *(tier.dropped for tier in path.tiers),
            *(step.denied for tier in path.tiers for step in tier.policies),
            *(profile.denied for profile in path.profiles),
            *(drop.dropped for drop in path.drops),
        ]
        own = (count for count in counts if count and count.trust is not Trust.SHARED)
        return any(count.moved and count.moved.packets for count in own)


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """Without ways the rules do not know it. `interfaces` are the node's sides of its network interfaces."""

    name: str
    ways: Sequence[Way]
    interfaces: Sequence[str]
    addresses: Sequence[str]
    owner: str


def workload(view: NodeView, name: str, lookups: Lookups) -> WorkloadView:
    """The workload of this name, interface or chain."""
    found = [endpoint for endpoint in view.endpoints if name in {endpoint.name, endpoint.interface, endpoint.chain}]
    interfaces = list(dict.fromkeys(endpoint.interface for endpoint in found))
    known = [one for interface in interfaces if (one := lookups.endpoint(interface))]
    return WorkloadView(
        name=found[0].name if found else name,
        ways=[_way(view, endpoint) for endpoint in found],
        interfaces=interfaces,
        addresses=[address for one in known for address in one.addresses],
        owner=next((one.owner for one in known if one.owner), ""),
    )


def _way(view: NodeView, endpoint: EndpointTraffic) -> Way:
    path = view.path(endpoint)
    if view.former is None:
        return Way(path, "", conclusion(path, in_force=view.in_force))
    since = datetime.fromtimestamp(view.former.taken, UTC)
    now = conclusion(path, f"{since:%H:%M:%S} UTC,", view.in_force)
    return Way(path, now, conclusion(path, in_force=view.in_force))
