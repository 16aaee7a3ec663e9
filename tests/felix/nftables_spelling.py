"""Rules in the spelling of Felix's native nftables dataplane (`felix/nftables/{match_builder,actions,renderer}.go`).

Matches and targets are translated from Felix's iptables spelling, so that one description serves every dataplane.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from otel_calico.calico.model import IPVersion
from tests.felix.description import Table
from tests.felix.rule import Rule, quoted

_ALL_BITS = 0xFFFFFFFF
_LONGEST_COMMENT = 128
_UNSAFE_IN_COMMENT = re.compile(r"[^A-Za-z0-9_ @%+=:,./-]")
_PROTOCOL_NAMES = {"6": "tcp", "17": "udp"}
_BUILT_IN = {"ACCEPT", "DROP", "RETURN", "REJECT", "NOTRACK"}

_Translation = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def _set_mark(found: re.Match[str]) -> str:
    value, mask = int(found[1], 16), int(found[2], 16)
    if value == mask:
        return f"meta mark set mark or {value:#x}"
    if value == 0:
        return f"meta mark set mark & {mask ^ _ALL_BITS:#x}"
    return f"meta mark set mark & {mask ^ _ALL_BITS:#x} ^ {value:#x}"


def _ports(found: re.Match[str]) -> str:
    return f"PROTOCOL dport {{ {found[1].replace(',', ', ')} }}"


def _jump(found: re.Match[str]) -> str:
    verb, chain = found.groups()
    return chain.lower() if chain in _BUILT_IN else f"{verb} LAYER-{chain}"


def _mark(found: re.Match[str]) -> str:
    inverted, value, mask = found.groups()
    return f"meta mark & {mask} {'!=' if inverted else '=='} {value}"


_TRANSLATIONS: tuple[_Translation, ...] = (
    (re.compile(r"-m mark (! )?--mark (\S+)/(\S+)"), _mark),
    (re.compile(r"-m conntrack --ctstate (\S+)"), lambda found: f"ct state {found[1].lower()}"),
    (re.compile(r"-p (\S+)"), lambda found: f"meta l4proto {found[1]}"),
    (re.compile(r"-m conntrack ! --ctstate DNAT"), lambda _: "ct status != dnat"),
    (re.compile(r"-m rpfilter --invert --validmark"), lambda _: "fib saddr . mark . iif oif 0"),
    (re.compile(r"-m set --match-set (cali\d0s):(\S+) src"), lambda found: f"FAMILY saddr @{found[1]}-{found[2]}"),
    (re.compile(r"-m icmp --icmp-type (\d+)"), lambda found: f"icmp type {found[1]}"),
    (re.compile(r"-m icmp6 --icmpv6-type (\d+)"), lambda found: f"icmpv6 type {found[1]}"),
    (re.compile(r"-m multiport --destination-ports (\S+)"), _ports),
    (re.compile(r"--source (\S+)"), lambda found: f"FAMILY saddr {found[1]}"),
    (re.compile(r"--(in|out)-interface (\S+)"), lambda found: f"{found[1][0]}ifname {found[2].replace('+', '*')}"),
    (re.compile(r"--jump MARK --set-mark (\S+)/(\S+)"), _set_mark),
    (
        re.compile(r"-m limit --limit (\d+)/sec --limit-burst (\d+) .*"),
        lambda found: f"limit rate over {found[1]}/second burst {found[2]} packets drop",
    ),
    (
        re.compile(r"--jump NFLOG --nflog-group (\d) --nflog-prefix (.*) --nflog-size 80"),
        lambda found: f'log prefix "{found[2]}" snaplen 80 group {found[1]}',
    ),
    (re.compile(r'--jump LOG --log-prefix "(.*?)" .*'), lambda found: f"log prefix {quoted(found[1])} level info"),
    (re.compile(r"--(jump|goto) (\S+)(?: --reject-with .*)?"), _jump),
)


def body(rule: Rule, layer: Table, ip_version: IPVersion) -> str:
    """A rule without its comment: the counter stands before the action, whatever else limits that."""
    matches = [_translated(part.written) for part in rule.matches]
    protocol = next((match.split()[-1] for match in matches if match.startswith("meta l4proto ")), "")
    action = ["counter", _translated(rule.target.written)] if rule.target else []
    text = " ".join([*matches, *action]) or "continue"
    family = "ip6" if ip_version is IPVersion.V6 else "ip"
    meanings = {"PROTOCOL": _PROTOCOL_NAMES.get(protocol, protocol), "FAMILY": family, "LAYER": layer}
    for word, meaning in meanings.items():
        text = text.replace(word, meaning)
    return text


def comment(rule_hash: str, free: Sequence[str]) -> str:
    """The comment of a rule: hash and free texts, which share what room there is and are cut to it."""
    first = f"cali:{rule_hash};"
    room = (_LONGEST_COMMENT - len(first)) // max(1, len(free))
    cut = (_UNSAFE_IN_COMMENT.sub("_", text)[:room] for text in free)
    return " ".join([first, *cut])[:_LONGEST_COMMENT]


def _translated(written: str) -> str:
    for pattern, translation in _TRANSLATIONS:
        if found := pattern.fullmatch(written):
            return translation(found)
    raise ValueError(f"no nftables spelling of {written!r}")
