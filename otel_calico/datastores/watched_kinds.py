"""Which kinds a datastore watches, and why it does not watch the others.

Workloads are always watched. The rules of a node name nearly every policy themselves (`attribution/naming.py`), so a
kind of policy is watched only while the rules have a chain that only the datastore can name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum

from otel_calico.calico.model import PolicyKind
from otel_calico.datastores.decode import HOST_ENDPOINTS, POLICY_KINDS

KEEP_UNNEEDED = 600.0
"""Seconds that a kind is still watched after the last scan that needed it: the next pod often needs it again."""


class PolicyWatch(Enum):
    """Whether kinds of policy are watched: only while needed, always, or never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_REASONS = {
    PolicyWatch.AUTO: "not needed to name the chains of this node",
    PolicyWatch.NEVER: "datastore.policies is never",
}


class WatchedKinds:
    """`kinds` are watched always, `policies` as `mode` says, host endpoints if they are asked for."""

    def __init__(
        self,
        kinds: Iterable[str],
        policies: Iterable[str],
        mode: PolicyWatch = PolicyWatch.ALWAYS,
        *,
        host_endpoints: bool = False,
        keep_unneeded: float = KEEP_UNNEEDED,
    ) -> None:
        self._always = frozenset(kinds) | ({HOST_ENDPOINTS} if host_endpoints else frozenset())
        self._policies = frozenset(policies)
        self._mode = mode
        self._order = (*kinds, *policies, HOST_ENDPOINTS)
        self._keep_unneeded = keep_unneeded
        self._needed_at: dict[str, float] = {}
        self.now: Collection[str] = ()
        self.unwatched: Mapping[str, str] = {}
        self._choose()

    def need(self, policies: Collection[PolicyKind], time: float) -> None:
        """Choose anew after a scan that needed these kinds of policy. `time` in seconds of a monotonic clock."""
        for kind in self._policies:
            if POLICY_KINDS[kind] in policies:
                self._needed_at[kind] = time
        self._needed_at = {kind: at for kind, at in self._needed_at.items() if time - at <= self._keep_unneeded}
        self._choose()

    def _choose(self) -> None:
        policies: Collection[str] = ()
        if self._mode is PolicyWatch.ALWAYS:
            policies = self._policies
        elif self._mode is PolicyWatch.AUTO:
            policies = self._needed_at
        self.now = [kind for kind in self._order if kind in self._always or kind in policies]
        self.unwatched = {kind: self._reason(kind) for kind in self._order if kind not in self.now}

    def _reason(self, kind: str) -> str:
        if kind == HOST_ENDPOINTS:
            return "needed for the metrics family workload only"
        return _REASONS[self._mode]
