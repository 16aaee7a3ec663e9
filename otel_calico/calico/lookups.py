"""What scans ask of the datastore: the endpoint behind an interface, the policy behind a chain name.

Datastores write (one thread per kind), scans read without locks: every read is one look into a dict that a
writer changes in one step. `version` grows with every change a scan could see, after the change is in place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from otel_calico.calico.chains import ALL_INTERFACES, IdScheme, chain_name, policy_id
from otel_calico.calico.model import HostEndpoint, Policy, Resource, WorkloadEndpoint

_R = TypeVar("_R")
_ANY_PREFIX = "cali-pi-"  # the part after the prefix is the same for both directions


class _Claims(Generic[_R]):
    """Text to the resources that claim it, nearly always one; the one written last counts. Told apart by identity."""

    def __init__(self) -> None:
        self.by_text: dict[str, tuple[_R, ...]] = {}

    def owner(self, text: str) -> _R | None:
        claims = self.by_text.get(text)
        return claims[-1] if claims else None

    def add(self, text: str, resource: _R) -> None:
        self.by_text[text] = (*self.by_text.get(text, ()), resource)

    def drop(self, text: str, resource: _R) -> None:
        claims = self._without(text, resource)
        if claims:
            self.by_text[text] = claims
        else:
            self.by_text.pop(text, None)

    def change(self, text: str, former: _R, resource: _R) -> None:
        self.by_text[text] = (*self._without(text, former), resource)

    def _without(self, text: str, resource: _R) -> tuple[_R, ...]:
        return tuple(one for one in self.by_text.get(text, ()) if one is not resource)


class Lookups:
    """Indexes over the resources of one node. Keys are the datastore's own, unique within a kind."""

    def __init__(self) -> None:
        self._write = threading.Lock()
        self._resources: dict[str, dict[str, Resource]] = {}
        self._endpoints: _Claims[WorkloadEndpoint] = _Claims()
        self._hosts: _Claims[HostEndpoint] = _Claims()
        self._policies: dict[IdScheme, _Claims[Policy]] = {}
        self.version = 0

    # --- read by scans ---

    def endpoint(self, interface: str) -> WorkloadEndpoint | None:
        """The endpoint of a host interface. Of two that claim it, the one written last."""
        return self._endpoints.owner(interface)

    def interfaces(self) -> Iterable[str]:
        """Host interfaces that have an endpoint."""
        return tuple(self._endpoints.by_text)

    def host_endpoint(self, interface: str) -> HostEndpoint | None:
        """The host endpoint behind the chains of an interface of this node, or of `*`.

        Of several that claim it Felix takes the one whose name sorts first. One without an interface name belongs to
        the interface that has its address, which no ruleset tells: so it is taken only where it is the only one. Where
        the lookups hold several nodes (a file), nothing tells whose interface it is.
        """
        claims = self._hosts.by_text.get(interface, ())
        if not claims and interface != ALL_INTERFACES:
            unnamed = self._hosts.by_text.get("", ())
            claims = unnamed if len(unnamed) == 1 else ()
        if len({endpoint.node for endpoint in claims}) > 1:
            return None
        return min(claims, key=lambda endpoint: endpoint.name, default=None)

    def policy(self, chain: str, scheme: IdScheme) -> Policy | None:
        """The policy whose chain this is under one id scheme; schemes collide, so they are never mixed.

        Of two of a kind with one chain, the one written last.
        """
        claims = self._policies.get(scheme) or self._index(scheme)
        return claims.owner(_suffix(chain))

    def kinds(self) -> Iterable[str]:
        """Kinds of which anything was ever held."""
        return tuple(self._resources)

    def held(self, kind: str) -> Mapping[str, Resource]:
        """What is held of one kind, by its key. A datastore's thread may change it at any time."""
        return self._resources.get(kind, {})

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
        held.pop(key, None)  # so that the order of what is held is the order of writing
        held[key] = resource
        self._claim(former, resource)
        self.version += 1

    def _remove(self, held: dict[str, Resource], key: str) -> None:
        former = held.pop(key, None)
        if former is not None:
            self._claim(former, None)
            self.version += 1

    def _claim(self, former: Resource | None, resource: Resource | None) -> None:
        """Move the claims of a resource. What stays claimed is never, not even for a moment, without an owner."""
        before = [] if former is None else self._claims_of(former)
        after = [] if resource is None else self._claims_of(resource)
        for claims, text in after:
            if (claims, text) in before:
                claims.change(text, former, resource)
            else:
                claims.add(text, resource)
        for claims, text in before:
            if (claims, text) not in after:
                claims.drop(text, former)

    def _claims_of(self, resource: Resource) -> list[tuple[_Claims[Any], str]]:
        """Every index a resource stands in, with the text it claims there. No scan asks for the cluster."""
        if isinstance(resource, WorkloadEndpoint):
            return [(self._endpoints, resource.interface)]
        if isinstance(resource, HostEndpoint):
            return [(self._hosts, resource.interface)]
        if isinstance(resource, Policy):
            return [(claims, _policy_suffix(resource, scheme)) for scheme, claims in self._policies.items()]
        return []

    def _index(self, scheme: IdScheme) -> _Claims[Policy]:
        with self._write:
            if scheme not in self._policies:
                claims: _Claims[Policy] = _Claims()
                for held in self._resources.values():
                    for resource in held.values():
                        if isinstance(resource, Policy):
                            claims.add(_policy_suffix(resource, scheme), resource)
                self._policies[scheme] = claims
            return self._policies[scheme]


def _suffix(chain: str) -> str:
    return chain[len(_ANY_PREFIX) :]


def _policy_suffix(policy: Policy, scheme: IdScheme) -> str:
    return _suffix(chain_name(_ANY_PREFIX, policy_id(policy, scheme)))
