"""The etcd datastore: keeps the lookups equal to Calico's keys in etcd."""

from __future__ import annotations

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.backoff import Backoff
from otel_calico.datastores.decode import GLOBAL_NETWORK_POLICIES, NETWORK_POLICIES, WORKLOAD_ENDPOINTS, Decoder
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.etcd.etcd_list_watch import EtcdListWatch
from otel_calico.datastores.watched_datastore import WatchedDatastore
from otel_calico.datastores.watched_kinds import PolicyWatch, WatchedKinds

ETCD_KINDS = (WORKLOAD_ENDPOINTS,)
ETCD_POLICY_KINDS = (NETWORK_POLICIES, GLOBAL_NETWORK_POLICIES)
"""kube-controllers copies Kubernetes policies to `networkpolicies`; other kinds of policy are not in etcd."""


class EtcdDatastore(WatchedDatastore):
    """Needs read permission on `/calico/resources/v3/projectcalico.org/*`.

    `policies` says when policies are watched; `host_endpoints` adds that kind, which only family `workload` needs.
    Raises ValueError for wrong settings; errors of the connection are reported in the status.
    """

    def __init__(  # noqa: PLR0913 - server, node, target, timing
        self,
        access: EtcdAccess,
        node_name: str | None,
        interface_prefix: str,
        lookups: Lookups,
        backoff: Backoff | None = None,
        *,
        policies: PolicyWatch = PolicyWatch.ALWAYS,
        host_endpoints: bool = False,
    ) -> None:
        if problems := access.problems():
            raise ValueError("; ".join(problems))
        kinds = WatchedKinds(ETCD_KINDS, ETCD_POLICY_KINDS, policies, host_endpoints=host_endpoints)
        super().__init__(EtcdListWatch(access), kinds, Decoder(node_name, interface_prefix), lookups, backoff)
