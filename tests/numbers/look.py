"""One look at the rules of one IP version, and what a series may say after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from otel_calico.calico.model import IPVersion
from tests.numbers.dump_reading import Chains, Line
from tests.numbers.endpoint_lines import members, tiers

DIRECTIONS = {"cali-tw-": "ingress", "cali-fw-": "egress", "cali-pi-": "ingress", "cali-po-": "egress"}
UNITS = {"packets": False, "bytes": True}

Labels = dict[str, str]
Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Name:
    """Who a policy is: canonical name, kind, namespace."""

    label: str
    kind: str = ""
    namespace: str = ""


Naming = Callable[[IPVersion, str, str], Name | None]
"""The name of a policy chain, met in this tier."""


@dataclass(frozen=True, slots=True)
class Number:
    """What a series says: at `/metrics`, beside it for OTLP, and since which look it counts."""

    value: int
    lost: int = 0
    first: int = 0
    since: float = 0
    rule: str = ""
    total: int = 0  # may lie below the value


@dataclass
class Look:
    """One IP version at one look: its chains now and at the look before, if there was one."""

    version: IPVersion
    now: Chains
    before: Chains | None
    previous: float

    @cached_property
    def tier_of(self) -> Mapping[str, str]:
        """The tier in which some endpoint meets a policy, by the policy's chain."""
        found: dict[str, str] = {}
        for name, lines in self.now.items():
            for tier in tiers(lines) if name.startswith(("cali-tw-", "cali-fw-")) else ():
                for jump, _ in tier.jumps:
                    for policy in members(self.now, jump.target):
                        found.setdefault(policy, tier.name)
        return found

    def old(self, chain: str) -> Mapping[str, Line]:
        return {line.hash: line for line in (self.before or {}).get(chain, ())}


def key(metric: str, labels: Labels) -> Key:
    return metric, frozenset(labels.items())


def kernels_value(look: Look, chain: str, line: Line, former: Number | None, *, octets: bool) -> Number:
    value = line.count(octets=octets)
    if former:
        reset = former.rule != line.hash or value < former.value
        lost = former.lost + (former.value if reset else 0)
        return Number(value, lost, former.first, former.since, line.hash)
    was = look.old(chain).get(line.hash)
    shown = was.count(octets=octets) if was else 0
    first = value if look.before is None else (shown if shown <= value else 0)
    return Number(value, 0, first, look.previous, line.hash)
