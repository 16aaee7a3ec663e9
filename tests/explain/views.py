"""A kernel that packets went through, as one looks at it."""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.attribution.planned_ruleset import PlannedRuleset
from otel_calico.attribution.planner import Planner, SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import Direction, IPVersion, RulesetKey, WorkloadEndpoint
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointPath
from otel_calico.ruleset.parse import parse
from otel_calico.scanning.scan import Scan
from otel_calico.snapshot import Snapshot
from tests.felix.kernel import Kernel

WEB = "cali0d7763386da"


def lookups() -> Lookups:
    """Of a datastore that knows the pod `shop/web` behind the interface `WEB`."""
    found = Lookups()
    found.put("workloadendpoints", WEB, WorkloadEndpoint(WEB, "shop", "web"))
    return found


def scan(kernel: Kernel, taken: float = 0.0) -> Scan:
    """The kernel's IPv4 rules now."""
    ruleset = parse(kernel.dump())
    plan = Planner(RulesetKey(IPVersion.V4), lookups(), SeriesChoice(families=())).plan(ruleset)
    return Scan(Snapshot(taken), (PlannedRuleset(RulesetKey(IPVersion.V4), ruleset, plan),))


def paths(kernel: Kernel, former: Scan | None = None) -> Iterator[EndpointPath]:
    """All paths now."""
    return NodeView(scan(kernel, 5.0), lookups(), former).paths()


def to_web(kernel: Kernel, former: Scan | None = None) -> EndpointPath:
    """The path to the pod `shop/web`."""
    found = (one for one in paths(kernel, former) if one.endpoint.name == "shop/web")
    return next(one for one in found if one.endpoint.direction is Direction.INGRESS)
