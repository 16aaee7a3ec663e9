"""What every series should say, counted naively: each look at the node is worked out anew from the lines of its dumps.

Written from docs/metrics.md alone, and shares nothing with the service but names of metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from otel_calico.calico.model import IPVersion, WorkloadEndpoint
from tests.numbers.endpoint_count import EndpointCount, workloads
from tests.numbers.endpoint_lines import POLICY_CHAINS, deciding, members
from tests.numbers.look import DIRECTIONS, UNITS, Key, Labels, Look, Naming, Number, kernels_value, key
from tests.numbers.node_drops import is_shown, node_drops


@dataclass
class Expected:
    """The node, look after look."""

    numbers: dict[Key, Number] = field(default_factory=dict)
    hits: dict[Key, int] = field(default_factory=dict)
    parts: dict[Key, Key] = field(default_factory=dict)
    """Series of members of groups, and the series of the group."""
    deciders: dict[Key, list[str]] = field(default_factory=dict)
    """Chains of the endpoint and of the policies whose decisions a series counts."""
    _own: dict[tuple[IPVersion, str], dict[Key, Number]] = field(default_factory=dict)
    _formulas: dict[tuple[IPVersion, str], dict[Key, tuple[str, ...]]] = field(default_factory=dict)
    _policies: dict[Key, Number] = field(default_factory=dict)
    _drops: dict[IPVersion, dict[Key, Number]] = field(default_factory=dict)

    def look(self, looks: Sequence[Look], endpoints: Mapping[str, WorkloadEndpoint], naming: Naming, at: float) -> None:
        former, formulas = self._own, self._formulas
        self._own, self._formulas, self.parts, self.deciders = {}, {}, {}, {}
        shown: dict[Key, Number] = {}
        for look in looks:
            for chain, workload in workloads(look, endpoints):
                place = look.version, chain
                counting = EndpointCount(look, chain, workload, _label(look, naming), former.get(place, {}))
                counting.count(formulas.get(place, {}))
                self._own[place], self._formulas[place] = counting.found, counting.formulas
                self.parts |= counting.parts
                self.deciders |= counting.deciders
            labels = _told_apart(look, naming)
            for chain, lines in look.now.items():
                if chain.startswith(POLICY_CHAINS) and lines:
                    place = look.version, chain
                    self._own[place] = dict(_rules(look, chain, labels[chain], former.get(place, {})))
            known = {chain for chain, _ in workloads(look, endpoints)}
            drops = dict(node_drops(look, known, self._drops.get(look.version, {})))
            self._drops[look.version] = drops
            shown |= {one: number for one, number in drops.items() if is_shown(one, number)}
        self._count_policies(looks, naming, at)
        self.numbers = {**shown, **self._policies, **_groups(looks, naming)}
        self.numbers |= {("calico.policy.last_hit.time", labels): Number(at) for (_, labels), at in self.hits.items()}
        for found in self._own.values():
            assert not found.keys() & self.numbers.keys()
            self.numbers |= found

    def _count_policies(self, looks: Iterable[Look], naming: Naming, at: float) -> None:
        found: dict[Key, Number] = {}
        hits: dict[Key, int] = {}
        for look in looks:
            for chain in look.now:
                if not chain.startswith(POLICY_CHAINS):
                    continue
                labels = _policy_labels(look, chain, naming)
                of_policy = key("", {name: text for name, text in labels.items() if name != "calico.direction"})
                old = look.old(chain)
                for verdict, line in deciding(look.now, chain):
                    hits.setdefault(of_policy, self.hits.get(of_policy, 0))
                    was = old.get(line.hash)
                    reset = was is not None and (line.packets < was.packets or line.octets < was.octets)
                    for unit, octets in UNITS.items():
                        own = key(f"calico.policy.{unit}", labels | {"calico.verdict": verdict})
                        known = found.get(own) or self._policies.get(own) or Number(0, since=look.previous)
                        gain = line.count(octets=octets) - (was.count(octets=octets) if was and not reset else 0)
                        gain = 0 if look.before is None else gain
                        found[own] = Number(known.value + gain, since=known.since)
                        if gain and not octets:
                            hits[of_policy] = int(at)
        self._policies, self.hits = found, hits


def _groups(looks: Iterable[Look], naming: Naming) -> dict[Key, Number]:
    found = {
        name: [
            {
                "calico.policy.group": name,
                "calico.policy.order": str(place),
                "calico.policy.name": _policy_labels(look, chain, naming)["calico.policy.name"],
                "calico.direction": "ingress" if name.startswith("cali-gi-") else "egress",
            }
            for place, chain in enumerate(members(look.now, name), start=1)
        ]
        for look in looks
        for name in look.now
        if name.startswith(("cali-gi-", "cali-go-"))
    }
    return {key("calico.policy.group.info", labels): Number(1) for group in found.values() for labels in group}


def _label(look: Look, naming: Naming) -> Callable[[str, str], str]:
    """The `policy` label of a target in a tier."""

    def label(target: str, tier: str) -> str:
        found = members(look.now, target)
        names = [name.label if (name := naming(look.version, chain, tier)) else chain for chain in found]
        return ",".join(names)

    return label


def _policy_labels(look: Look, chain: str, naming: Naming) -> Labels:
    tier = look.tier_of.get(chain, "default")
    name = naming(look.version, chain, tier)
    return {
        "calico.policy.name": name.label if name else chain,
        "calico.policy.kind": name.kind if name else "",
        "calico.policy.namespace": name.namespace if name else "",
        "calico.policy.tier": tier if name else "",
        "calico.direction": DIRECTIONS[chain[:8]],
    }


def _told_apart(look: Look, naming: Naming) -> dict[str, Labels]:
    """Labels of the rules of each policy chain; of two policies with one canonical name the later shows its chain."""
    found: dict[str, Labels] = {}
    for chain in look.now:
        if chain.startswith(POLICY_CHAINS):
            labels = _policy_labels(look, chain, naming) | {"network.type": f"ipv{look.version}"}
            found[chain] = labels | {"chain": chain} if labels in found.values() else labels
    return found


def _rules(look: Look, chain: str, labels: Labels, former: Mapping[Key, Number]) -> Iterator[tuple[Key, Number]]:
    lines = look.now[chain]
    decides = deciding(look.now, chain)
    listed = [line for line in lines if line.target == "LOG" or any(line is one for _, one in decides)]
    for verdict, line in decides:
        index = next(place for place, one in enumerate(listed) if one is line)
        at = lines.index(line)
        logged = "".join(one.nflog for one in (lines[at - 1 : at] if verdict == "deny" else lines[at + 1 : at + 2]))
        if logged:
            index = int(logged.split("|")[0][3:])
        for unit, octets in UNITS.items():
            own = key(f"calico.rule.{unit}", labels | {"calico.verdict": verdict, "calico.rule.index": str(index)})
            yield own, kernels_value(look, chain, line, former.get(own), octets=octets)
