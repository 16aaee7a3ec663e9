"""What scans ask of the datastore: the endpoint behind an interface, the policy behind a chain name.

Datastores write (one thread per kind), scans read without locks: every read is one look into a dict that a
writer changes in one step. `version` grows with every change a scan could see.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from otel_calico.chains import IdScheme, chain_name, policy_id
from otel_calico.model import ClusterInformation, Policy, Resource, Tier, WorkloadEndpoint

_R = TypeVar("_R", WorkloadEndpoint, Policy, Tier, ClusterInformation)
_ANY_PREFIX = "cali-pi-"  # the part after the prefix is the same for both directions


class Lookups:
    """Indexes over the resources of one node. Keys are the datastore's own, unique within a kind."""

    def __init__(self) -> None:
        self._write = threading.Lock()
        self._resources: dict[str, dict[str, Resource]] = {}
        self._by_interface: dict[str, dict[str, WorkloadEndpoint]] = {}
        self._by_chain: dict[IdScheme, dict[str, Policy]] = {}
        self.version = 0

    # --- read by scans ---

    def endpoint(self, interface: str) -> WorkloadEndpoint | None:
        """The endpoint of a host interface. Of two that claim it, the one written last."""
        owners = self._by_interface.get(interface)
        return next(reversed(owners.values())) if owners else None

    def interfaces(self) -> Iterable[str]:
        """Host interfaces that have an endpoint."""
        return tuple(self._by_interface)

    def policy(self, chain: str, scheme: IdScheme) -> Policy | None:
        """The policy whose chain this is under one id scheme; schemes collide, so they are never mixed."""
        index = self._by_chain.get(scheme)
        if index is None:
            index = self._index(scheme)
        return index.get(_suffix(chain))

    def tiers(self) -> Mapping[str, Tier]:
        """Tiers by name."""
        return {tier.name: tier for tier in self._all(Tier)}

    def cluster_information(self) -> ClusterInformation | None:
        """The cluster's state object, if the datastore has one."""
        return next(self._all(ClusterInformation), None)

    def count(self, kind: str) -> int:
        """Resources held of one kind."""
        return len(self._resources.get(kind, ()))

    # --- written by datastores ---

    def replace(self, kind: str, resources: Mapping[str, Resource]) -> None:
        """Take a full listing of a kind: what it does not mention is gone."""
        with self._write:
            held = self._resources.setdefault(kind, {})
            for key in [key for key in held if key not in resources]:
                self._remove(held, key)
            for key, resource in resources.items():
                self._put(held, key, resource)

    def put(self, kind: str, key: str, resource: Resource) -> None:
        """Take one added or changed resource."""
        with self._write:
            self._put(self._resources.setdefault(kind, {}), key, resource)

    def remove(self, kind: str, key: str) -> None:
        """Forget one resource; one that is not held is no error."""
        with self._write:
            self._remove(self._resources.setdefault(kind, {}), key)

    # --- indexes; the caller holds the write lock ---

    def _put(self, held: dict[str, Resource], key: str, resource: Resource) -> None:
        former = held.get(key)
        if former == resource:
            return
        held[key] = resource
        self._enter(key, resource)
        if former is not None:
            self._leave(key, former, successor=resource)
        self.version += 1

    def _remove(self, held: dict[str, Resource], key: str) -> None:
        former = held.pop(key, None)
        if former is not None:
            self._leave(key, former, successor=None)
            self.version += 1

    def _enter(self, key: str, resource: Resource) -> None:
        if isinstance(resource, WorkloadEndpoint):
            others = {k: v for k, v in self._by_interface.get(resource.interface, {}).items() if k != key}
            self._by_interface[resource.interface] = {**others, key: resource}
        elif isinstance(resource, Policy):
            for scheme, index in self._by_chain.items():
                index[_policy_suffix(resource, scheme)] = resource

    def _leave(self, key: str, former: Resource, successor: Resource | None) -> None:
        if isinstance(former, WorkloadEndpoint):
            if isinstance(successor, WorkloadEndpoint) and successor.interface == former.interface:
                return
            owners = {k: v for k, v in self._by_interface[former.interface].items() if k != key}
            if owners:
                self._by_interface[former.interface] = owners
            else:
                del self._by_interface[former.interface]
        elif isinstance(former, Policy):
            for scheme, index in self._by_chain.items():
                if index.get(suffix := _policy_suffix(former, scheme)) == former:
                    del index[suffix]

    def _index(self, scheme: IdScheme) -> dict[str, Policy]:
        with self._write:
            index = {_policy_suffix(policy, scheme): policy for policy in self._all(Policy)}
            self._by_chain[scheme] = index
        return index

    def _all(self, of: type[_R]) -> Iterator[_R]:
        kinds = list(self._resources.values())
        return (resource for held in kinds for resource in list(held.values()) if isinstance(resource, of))


def _suffix(chain: str) -> str:
    return chain[len(_ANY_PREFIX) :]


def _policy_suffix(policy: Policy, scheme: IdScheme) -> str:
    return _suffix(chain_name(_ANY_PREFIX, policy_id(policy, scheme)))
