"""The pods and policies of the soaked node: two that stay, many that come and go, and each round a visitor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.shapes import policy, workload
from tests.end_to_end.cluster import Workload, client_endpoint, felix_node, web_endpoint
from tests.end_to_end.resources import endpoint, policy_entry
from tests.felix import Endpoint, Era, Node, Policy, kubernetes_profiles

ERA = Era.E
_SUBNETS = 200


@dataclass(frozen=True, slots=True)
class Scale:
    """`pods` and `policies` live at a time; in each round so many of them are replaced."""

    pods: int = 60
    replaced: int = 20
    policies: int = 8
    policies_replaced: int = 3


class Population:
    """`advance` replaces the oldest; resources and rules are those of who lives now."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self.rounds = 0
        self.pods_ever, self.policies_ever = scale.pods, scale.policies

    def advance(self) -> None:
        """Let a round pass."""
        self.rounds += 1
        self.pods_ever += self._scale.replaced
        self.policies_ever += self._scale.policies_replaced

    @property
    def pods(self) -> tuple[Workload, ...]:
        """Those that come and go."""
        return tuple(map(workload, range(self.pods_ever - self._scale.pods, self.pods_ever)))

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Theirs. One in four rounds has them in another order."""
        numbers = range(self.policies_ever - self._scale.policies, self.policies_ever)
        return tuple(policy(number) for number in (reversed(numbers) if self.rounds % 4 == 0 else numbers))

    @property
    def visitor(self) -> Workload:
        """A pod of this round alone, under the policies of the web pod."""
        number = self.rounds % _SUBNETS
        interface = f"cali{self.rounds:011x}"
        return Workload(f"visitor-{self.rounds}", "web", interface, f"10.66.0.{number + 1}", f"fd00:66::{number + 1:x}")

    def node(self) -> Node:
        """As Felix programs it."""
        policies, profiles = self.policies, kubernetes_profiles("default")
        return felix_node(
            ERA,
            web_endpoint(ERA),
            client_endpoint(ERA),
            replace(web_endpoint(ERA), interface=self.visitor.interface),
            *(Endpoint(pod.interface, policies, policies, profiles) for pod in self.pods),
        )

    def resources(self) -> dict[str, str]:
        """What etcd holds of those that come and go."""
        entries = [*map(endpoint, (*self.pods, self.visitor)), *(policy_entry(each, ERA) for each in self.policies)]
        return dict(entries)
