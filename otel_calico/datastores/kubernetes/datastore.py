"""The Kubernetes datastore: one loop per kind over the API, pods decoded by the rules of the cluster's release."""

from __future__ import annotations

from collections.abc import Callable

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import ClusterInformation, Resource
from otel_calico.datastores.decode import HOST_ENDPOINTS, PODS, Decoder
from otel_calico.datastores.kubernetes.access import Access
from otel_calico.datastores.kubernetes.api import ClientPace
from otel_calico.datastores.kubernetes.api_resources import KUBERNETES_KINDS
from otel_calico.datastores.kubernetes.source import ASK_ABSENT_AGAIN, KubernetesSource
from otel_calico.datastores.loop import Pace, SyncedDatastore
from otel_calico.datastores.pods import RULES_SETTLED
from otel_calico.datastores.releases import parse_release
from otel_calico.datastores.resources import Raw

PACE = Pace(spread=2)


class KubernetesDatastore(SyncedDatastore):
    """Keeps the lookups equal to the cluster's objects. Needs what config/kubernetes-rbac.yaml grants.

    `host_endpoints` asks for that kind too, which only family `workload` needs.

    Raises ValueError for an access that cannot work; whether the server answers shows in the status.
    """

    def __init__(  # noqa: PLR0913 - where, who, how
        self,
        access: Access,
        node_name: str | None,
        interface_prefix: str,
        lookups: Lookups,
        *,
        native: bool | None = None,
        host_endpoints: bool = False,
        client_pace: ClientPace | None = None,
        pace: Pace = PACE,
        ask_absent_again: float = ASK_ABSENT_AGAIN,
    ) -> None:
        if problems := access.problems():
            raise ValueError("; ".join(problems))
        source = KubernetesSource(
            access, client_pace or ClientPace(), node_name, native=native, ask_absent_again=ask_absent_again
        )
        decoder = ReleaseDecoder(node_name, interface_prefix, lambda: self.list_again(PODS))
        kinds = (*KUBERNETES_KINDS, HOST_ENDPOINTS) if host_endpoints else KUBERNETES_KINDS
        super().__init__(source, kinds, decoder, lookups, pace)


class ReleaseDecoder:
    """Decodes by the rules of the release that the cluster's state object names, of the newest until it is known.

    `rules_changed` is called when pods have to be read anew: only on releases before v3.21.
    """

    def __init__(self, node_name: str | None, interface_prefix: str, rules_changed: Callable[[], None]) -> None:
        self._decoder = Decoder(node_name, interface_prefix, RULES_SETTLED)
        self._rules_changed = rules_changed

    def decode(self, kind: str, key: str, raw: Raw) -> Resource | None:
        """The resource. Raises InvalidResourceError."""
        resource = self._decoder.decode(kind, key, raw)
        if isinstance(resource, ClusterInformation):
            self._follow(resource)
        return resource

    def _follow(self, information: ClusterInformation) -> None:
        rules = min(parse_release(information.calico_version) or RULES_SETTLED, RULES_SETTLED)
        if rules != self._decoder.release:
            self._decoder = Decoder(self._decoder.node_name, self._decoder.interface_prefix, rules)
            self._rules_changed()
