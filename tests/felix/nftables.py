"""The table `calico` of one IP version, as Felix's native nftables dataplane writes it (v3.29 and later).

table = render_nftables(node, IPVersion.V4)
table.restore()  # text for `nft -f -`
update_nftables(table, render_nftables(changed))  # what Felix writes when something changes
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from otel_calico.calico.chains import HOST_ENDPOINT_PREFIXES, POLICY_PREFIXES, PROFILE_PREFIXES, chain_name, policy_id
from otel_calico.calico.model import Direction, IPVersion
from tests.felix.description import Node
from tests.felix.eras import Era
from tests.felix.nftables_spelling import body, comment
from tests.felix.rule import Rule
from tests.felix.ruleset import Counters, render

_LONGEST_NAME = 256
_HOOKS = {"filter-INPUT": "input", "filter-FORWARD": "forward", "filter-OUTPUT": "output"}
_ANY_INTERFACE = "any-interface-at-all"
_DISPATCH = {"cali-from-wl-dispatch": ("iifname", "cali-fw-"), "cali-to-wl-dispatch": ("oifname", "cali-tw-")}
_OTHER_LAYERS = {
    "raw-PREROUTING": ("counter jump raw-cali-PREROUTING",),
    "raw-cali-PREROUTING": ("counter meta mark set mark & 0xffffffff",),
    "mangle-cali-tw-cali0d7763386da": ("counter drop",),
}
"""Chains beside the layer `filter`, one of which is called like a workload's."""


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
        for name, texts in _OTHER_LAYERS.items():
            lines += [f"add rule {self.family} calico {name} {text}" for text in texts]
        return "\n".join([*lines, ""])

    def rewrite(self, names: Iterable[str]) -> Iterator[str]:
        """Lines that write chains anew."""
        for name in names:
            yield f"flush chain {self.family} calico {name}"
            yield from (f"add rule {self.family} calico {name} {rule.text()}" for rule in self.chains[name])

    def _chains(self, names: Mapping[str, object]) -> Iterator[str]:
        for name in (*names, *_OTHER_LAYERS):
            hook = f" {{ type filter hook {_HOOKS[name]} priority 0; }}" if name in _HOOKS else ""
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
    ruleset = render(node, ip_version)
    renamed = _whole_names(node)
    rules: dict[str, list[Rule]] = {}
    for chain in (*ruleset.hooks, *ruleset.chains.values()):
        rules.setdefault(chain.name, []).extend(chain.rules)
    maps: dict[str, Mapping[str, str]] = {}
    if node.era >= Era.D:
        for name, (_, prefix) in _DISPATCH.items():
            maps[f"filter-{name}"] = {each.interface: f"filter-{prefix}{each.interface}" for each in node.endpoints}
            rules[name] = rules[name][-1:]  # the drop of unknown interfaces
            for child in [each for each in rules if each.startswith(f"{name}-")]:
                del rules[child]
    chains: dict[str, tuple[NftRule, ...]] = {}
    for name, written in rules.items():
        whole = f"filter-{renamed.get(name, name)}"
        dispatch = [f"{_DISPATCH[name][0]} vmap @{whole}"] if whole in maps else []
        chains[whole] = tuple(_rules(whole, dispatch, [rule for rule in written if not _is_mark_of_limit(rule)],
                                     renamed, ip_version))  # fmt: skip
    return NftTable("ip6" if ip_version is IPVersion.V6 else "ip", chains, maps)


def _rules(
    chain: str, dispatch: list[str], rules: list[Rule], renamed: Mapping[str, str], ip_version: IPVersion
) -> Iterator[NftRule]:
    digest = hashlib.sha224(chain.encode()).digest()
    bodies = [(text, ()) for text in dispatch] + [(body(rule, ip_version), rule.comments) for rule in rules]
    for text, free in bodies:
        whole = " ".join(_renamed(word, renamed) for word in text.split(" "))
        digest = hashlib.sha224(digest + whole.encode()).digest()
        rule_hash = base64.urlsafe_b64encode(digest).decode()[:16]
        yield NftRule(rule_hash, whole, comment(rule_hash, free))


def _renamed(word: str, renamed: Mapping[str, str]) -> str:
    name = word.removeprefix("filter-")
    return f"filter-{renamed[name]}" if name in renamed else word


def _is_mark_of_limit(rule: Rule) -> bool:
    """True for the rules that iptables needs around a packet rate limit, and nftables does not."""
    words = ("Clear ", "Drop packets over ")
    return any("packet rate limit" in text and text.startswith(words) for text in rule.comments)


def _whole_names(node: Node) -> Mapping[str, str]:
    """Names of chains that iptables has no room for; v3.29 hashes those of policies here too."""
    names = {chain_name(each, _ANY_INTERFACE): f"{each}{_ANY_INTERFACE}" for each in HOST_ENDPOINT_PREFIXES}
    hosts = [endpoint for host in node.hosts for endpoint in (host.local, host.forwarded)]
    for endpoint in (*node.endpoints, *hosts):
        for way in Direction:
            for profile in endpoint.profiles:
                prefix = PROFILE_PREFIXES[way]
                names[chain_name(prefix, profile.name)] = chain_name(prefix, profile.name, _LONGEST_NAME)
            for policy in endpoint.policies(way) if node.era >= Era.D else ():
                ident = policy_id(policy.resource, node.era.id_scheme)
                names[chain_name(POLICY_PREFIXES[way], ident)] = chain_name(POLICY_PREFIXES[way], ident, _LONGEST_NAME)
    return names
