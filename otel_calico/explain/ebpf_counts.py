"""What the eBPF dataplane counted of rules and interfaces: in all, and since a former look.

Nothing counts bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from otel_calico.accounting.gains import gain
from otel_calico.calico.model import Direction
from otel_calico.ebpf.counted import CountedRule, PolicyVerdict
from otel_calico.ebpf.drop_reasons import ACCEPTED, DROPPED_BY_POLICY
from otel_calico.ebpf.gains import InterfaceCounterGains, InterfaceGains
from otel_calico.ebpf.interfaces import WORKLOAD_HOOKS
from otel_calico.ebpf.look import EbpfLook
from otel_calico.ebpf.plan import ExactKey
from otel_calico.ebpf.proofs import Proof
from otel_calico.explain.counts import Amount, Count, Trust
from otel_calico.metrics import Metric


class EbpfCounts:
    """The counters of one look and, where there was a former one, what they gained."""

    def __init__(self, look: EbpfLook, former: EbpfLook | None) -> None:
        self._look = look
        self._former = former
        self._moved = _interface_gains(former, look) if former else {}
        self._totals = _interface_totals(look)
        self._ids: dict[PolicyVerdict, list[int]] = {}
        for match_id, counted in look.plan.counted.items():
            if isinstance(counted, CountedRule):
                self._ids.setdefault(counted.decides, []).append(match_id)

    def ids(self, match_ids: Iterable[int], trust: Trust = Trust.SHARED) -> Count:
        """What these counted on the whole node."""
        given = list(match_ids)
        total = sum(self._look.state.rules.get(match_id, 0) for match_id in given)
        moved = _packets(sum(map(self._gained, given))) if self._former else None
        return Count(_packets(total), trust, moved)

    def decided(self, decides: PolicyVerdict) -> Count:
        """What the rules of a policy decided in one way on the whole node."""
        return self.ids(self._ids.get(decides, ()))

    def interface(self, interface: str, hook: int, place: int, trust: Trust = Trust.EXACT) -> Count:
        """One counter of an interface."""
        gained, totals = (numbers.get((interface, hook), ()) for numbers in (self._moved, self._totals))
        moved = _packets(gained[place] if place < len(gained) else 0) if self._former else None
        return Count(_packets(totals[place] if place < len(totals) else 0), trust, moved)

    def exact(self, metric: Metric, interface: str, direction: Direction, what: str) -> Count | None:
        """A number of one workload, if it is proven: its total is true if the programs were the same from the start."""
        key = ExactKey(metric, interface, direction, what)
        proofs = self._look.plan.exact.get(key, ())
        if not proofs:
            return None
        before = self._former.plan.exact.get(key, ()) if self._former else ()
        shared = next((proof for proof in proofs if proof in before), None)
        count = self._proven(shared or proofs[0])
        return Count(count.total, Trust.COMPUTED, count.moved if shared else None)

    def _proven(self, proof: Proof) -> Count:
        if isinstance(proof, PolicyVerdict):
            return self.decided(proof)
        place = ACCEPTED if proof.accepted else DROPPED_BY_POLICY
        return self.interface(proof.interface, WORKLOAD_HOOKS[proof.direction], place)

    def _gained(self, match_id: int) -> int:
        now = self._look.state.rules.get(match_id, 0)
        before = self._former.state.rules.get(match_id, 0) if self._former else 0
        return gain(before, now)


def _packets(number: int) -> Amount:
    return Amount(number, None)


def _interface_gains(former: EbpfLook, look: EbpfLook) -> InterfaceGains:
    gains = InterfaceCounterGains()
    gains.look(former.state)
    return gains.look(look.state)


def _interface_totals(look: EbpfLook) -> dict[tuple[str, int], list[int]]:
    """Of all maps together: one that a former release left counted what passed before the upgrade."""
    found: dict[tuple[str, int], list[int]] = {}
    for counters in look.state.interfaces.values():
        for place, numbers in counters.items():
            if name := look.state.names.get(place.ifindex):
                both = zip_longest(found.get((name, place.hook), ()), numbers, fillvalue=0)
                found[name, place.hook] = list(map(sum, both))
    return found
