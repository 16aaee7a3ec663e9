"""Series of endpoint chains without the labels of their owners, made once for all pods with the same rules."""

from __future__ import annotations

from otel_calico.attribution.accountant import plan_accountant
from otel_calico.attribution.endpoint_chain import EndpointChain
from otel_calico.attribution.plan import EndpointPlan
from otel_calico.attribution.targets import Targets
from otel_calico.attribution.workload_family import plan_workload


class Patterns:
    """What chains that jump to these targets yield. Chains are told apart by identity, and live as long as this."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._accountant: dict[int, EndpointPlan] = {}
        self._workload: dict[int, EndpointPlan] = {}

    def accountant(self, chain: EndpointChain) -> EndpointPlan:
        """Family `accountant`."""
        if id(chain) not in self._accountant:
            self._accountant[id(chain)] = plan_accountant(chain.tiers, self._targets)
        return self._accountant[id(chain)]

    def workload(self, chain: EndpointChain) -> EndpointPlan:
        """Family `workload`."""
        if id(chain) not in self._workload:
            self._workload[id(chain)] = plan_workload(chain, self._targets)
        return self._workload[id(chain)]
