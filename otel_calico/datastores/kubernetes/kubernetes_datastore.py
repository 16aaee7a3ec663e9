"""The Kubernetes datastore: keeps the lookups equal to the objects of the cluster."""

from __future__ import annotations

from collections.abc import Callable

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import ClusterInformation, Resource
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.decode import PODS, Decoder
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_client import ClientLimits
from otel_calico.datastores.kubernetes.api_resources import KUBERNETES_KINDS, KUBERNETES_POLICY_KINDS
from otel_calico.datastores.kubernetes.kubernetes_list_watch import RELIST_INTERVAL, KubernetesListWatch
from otel_calico.datastores.pods import RULES_SETTLED
from otel_calico.datastores.releases import parse_release
from otel_calico.datastores.resources import Raw
from otel_calico.datastores.watched_datastore import WatchedDatastore
from otel_calico.datastores.watched_kinds import PolicyWatch, WatchedKinds

BACKOFF = Backoff(spread=2)


class KubernetesDatastore(WatchedDatastore):
    """Needs the rights in config/kubernetes-rbac.yaml.

    `policies` says when policies are watched; `host_endpoints` adds that kind, which only family `workload` needs.
    Raises ValueError for wrong settings; errors of the connection are reported in the status.
    """

    def __init__(  # noqa: PLR0913 - server, node, target, timing
        self,
        access: ApiAccess,
        node_name: str | None,
        interface_prefix: str,
        lookups: Lookups,
        *,
        native: bool | None = None,
        policies: PolicyWatch = PolicyWatch.ALWAYS,
        host_endpoints: bool = False,
        limits: ClientLimits | None = None,
        backoff: Backoff = BACKOFF,
        relist_interval: float = RELIST_INTERVAL,
    ) -> None:
        if problems := access.problems():
            raise ValueError("; ".join(problems))
        list_watch = KubernetesListWatch(
            access, limits or ClientLimits(), node_name, native=native, relist_interval=relist_interval
        )
        decoder = ReleaseDecoder(node_name, interface_prefix, lambda: self.relist(PODS))
        kinds = WatchedKinds(KUBERNETES_KINDS, KUBERNETES_POLICY_KINDS, policies, host_endpoints=host_endpoints)
        super().__init__(list_watch, kinds, decoder, lookups, backoff)


class ReleaseDecoder:
    """Decodes by the rules of the Calico release in ClusterInformation; until it is known, of the newest release.

    Calls `rules_changed` when pods must be listed again, which happens only on releases before v3.21.
    """

    def __init__(self, node_name: str | None, interface_prefix: str, rules_changed: Callable[[], None]) -> None:
        self._decoder = Decoder(node_name, interface_prefix, RULES_SETTLED)
        self._rules_changed = rules_changed

    def decode(self, kind: str, key: str, raw: Raw) -> Resource | None:
        """The resource. Raises InvalidResourceError."""
        resource = self._decoder.decode(kind, key, raw)
        if isinstance(resource, ClusterInformation):
            self._use_release(resource)
        return resource

    def _use_release(self, information: ClusterInformation) -> None:
        release = min(parse_release(information.calico_version) or RULES_SETTLED, RULES_SETTLED)
        if release != self._decoder.release:
            self._decoder = Decoder(self._decoder.node_name, self._decoder.interface_prefix, release)
            self._rules_changed()
