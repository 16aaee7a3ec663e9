"""The table `calico` of one IP version, as Felix's native nftables dataplane writes it (v3.29 and later).

table = render_nftables(node, IPVersion.V4)
table.restore()  # text for `nft -f -`
update_nftables(table, render_nftables(changed))  # what Felix writes when something changes
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from otel_calico.calico.model import IPVersion
from tests.felix.description import TABLES, Node
from tests.felix.eras import Era
from tests.felix.nftables_spelling import body, comment
from tests.felix.rule import Rule
from tests.felix.ruleset import Counters, render

_PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0}  # of a layer's hooks

_DISPATCH = {
    "filter-cali-from-wl-dispatch": ("iifname", "filter-cali-fw-"),
    "filter-cali-to-wl-dispatch": ("oifname", "filter-cali-tw-"),
}


@dataclass(frozen=True, slots=True)
class NftRule:
    """One rule: hash, matches and action, comment."""

    hash: str
    body: str
    comment: str

    def text(self, counters: Counters | None = None) -> str:
        """As `nft -f` takes it, with counters to start from."""
        body = self.body
        if counters:
            body = body.replace("counter", f"counter packets {counters[0]} bytes {counters[1]}", 1)
        return f'{body} comment "{self.comment}"'


@dataclass(frozen=True, slots=True)
class NftTable:
    """Rules by chain, and the interfaces of each dispatch map with the chains that they go to."""

    family: str
    chains: Mapping[str, tuple[NftRule, ...]]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of all rules; no two are equal."""
        return tuple(rule.hash for rules in self.chains.values() for rule in rules)

    def restore(self, counters: Mapping[str, Counters] | None = None) -> str:
        """Text for `nft -f -` where no such table is. Counters by rule hash; the rest is zero."""
        values = counters or {}
        lines = [f"add table {self.family} calico", *self._chains(self.chains), *self.map_lines()]
        for name, rules in self.chains.items():
            lines += [f"add rule {self.family} calico {name} {rule.text(values.get(rule.hash))}" for rule in rules]
        return "\n".join([*lines, ""])

    def rewrite(self, names: Iterable[str]) -> Iterator[str]:
        """Lines that write chains anew."""
        for name in names:
            yield f"flush chain {self.family} calico {name}"
            yield from (f"add rule {self.family} calico {name} {rule.text()}" for rule in self.chains[name])

    def _chains(self, names: Mapping[str, object]) -> Iterator[str]:
        for name in names:
            layer, _, chain = name.partition("-")
            hook = f" {{ type filter hook {chain.lower()} priority {_PRIORITIES[layer]}; }}" if chain.isupper() else ""
            yield f"add chain {self.family} calico {name}{hook}"

    def map_lines(self) -> Iterator[str]:
        """Lines that declare the maps and fill them."""
        for name, elements in self.maps.items():
            listed = ", ".join(f'"{interface}" : goto {chain}' for interface, chain in elements.items())
            yield f"add map {self.family} calico {name} {{ type ifname : verdict; }}"
            if listed:
                yield f"add element {self.family} calico {name} {{ {listed} }}"


def update_nftables(before: NftTable, after: NftTable) -> str:
    """Text for `nft -f -` that turns one table into the other as v3.33 does: a chain that changed is rewritten."""
    table = f"{after.family} calico"
    gone = [name for name in before.chains if name not in after.chains]
    changed = [name for name, rules in after.chains.items() if rules != before.chains.get(name)]
    lines = [f"add chain {table} {name}" for name in changed if name not in before.chains]
    lines += [f"flush map {table} {name}" for name in before.maps]
    lines += after.map_lines()
    lines += after.rewrite(changed)
    lines += [f"flush chain {table} {name}" for name in gone]
    lines += [f"delete chain {table} {name}" for name in gone]
    return "\n".join([*lines, ""])


def render_nftables(node: Node, ip_version: IPVersion = IPVersion.V4) -> NftTable:
    """The table of a node. Raises ValueError for an era without the native dataplane."""
    if node.era < Era.C:
        raise ValueError("the native nftables dataplane exists since era C")
    chains: dict[str, tuple[NftRule, ...]] = {}
    for layer in TABLES:
        ruleset = render(replace(node, native=True), ip_version, layer)
        for chain in (*ruleset.hooks, *ruleset.chains.values()):
            name = f"{layer}-{chain.name}"
            rules = [rule for rule in chain.rules if not _is_of_limit(rule)]
            bodies = [(body(rule, layer, ip_version), rule.comments) for rule in rules]
            chains[name] = (*chains.get(name, ()), *_rules(f"{layer}-{chain.hashed_name}", bodies))
    maps: dict[str, Mapping[str, str]] = {}
    if node.era >= Era.D:
        for name, (match, prefix) in _DISPATCH.items():
            maps[name] = {each.interface: f"{prefix}{each.interface}" for each in node.endpoints}
            unknown = chains[name][-1]
            bodies = [(f"{match} vmap @{name}", ()), (unknown.body, ("Unknown interface",))]
            chains = {each: rules for each, rules in chains.items() if not each.startswith(f"{name}-")}
            chains[name] = tuple(_rules(name, bodies))
    return NftTable("ip6" if ip_version is IPVersion.V6 else "ip", chains, maps)


def _rules(chain: str, bodies: Iterable[tuple[str, Sequence[str]]]) -> Iterator[NftRule]:
    digest = hashlib.sha224(chain.encode()).digest()
    for text, free in bodies:
        digest = hashlib.sha224(digest + text.encode()).digest()
        rule_hash = base64.urlsafe_b64encode(digest).decode()[:16]
        yield NftRule(rule_hash, text, comment(rule_hash, free))


def _is_of_limit(rule: Rule) -> bool:
    """True for the rules that iptables needs around a packet rate limit, and nftables does not."""
    words = ("Clear ", "Drop packets over ")
    return any("packet rate limit" in text and text.startswith(words) for text in rule.comments)
