"""A small kernel: rules that count the packets sent through them, and lose counters as iptables does on a write."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import Direction
from tests.felix import Ruleset, update
from tests.felix.rule import Chain, Rule

SIZE = 60
"""Bytes of a packet."""

_WAYS = {"-i": Direction.EGRESS, "-o": Direction.INGRESS}
"""Which way of a pod's traffic has its interface where this matches."""

_HASH = re.compile(r"cali:([A-Za-z0-9_-]{16})")


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet, which opens a connection unless conntrack says otherwise."""

    interface: str
    direction: Direction
    port: int
    mark: int = 0
    state: str = "NEW"
    protocol: str = "udp"


class Kernel:
    """Holds one ruleset. `backend` says how Felix rewrites chains: `legacy` or `nft`."""

    def __init__(self, ruleset: Ruleset, backend: str = "nft") -> None:
        self.ruleset = ruleset
        self.backend = backend
        self.packets: dict[str, int] = {}  # counted, by rule hash

    def send(self, packet: Packet, times: int = 1) -> None:
        """Let equal packets through the chain of their endpoint."""
        self.enter(WORKLOAD_PREFIXES[packet.direction] + packet.interface, packet, times)

    def enter(self, chain: str, packet: Packet, times: int = 1) -> None:
        """Let equal packets through a chain, and those it jumps to."""
        self._walk(self.ruleset.chains[chain], packet, times)

    def forward(self, packet: Packet, times: int = 1) -> None:
        """Let equal packets through the whole of FORWARD, on their way between a pod and another node."""
        ended = False
        for chain in self.ruleset.hooks:
            if chain.name == "FORWARD" and not ended:
                ended, packet = self._walk(chain, packet, times)

    def write(self, ruleset: Ruleset) -> None:
        """Change the ruleset as Felix does; what the write touches counts from zero."""
        chains = {name: list(chain.hashes) for name, chain in self.ruleset.chains.items()}
        for line in update(self.ruleset, ruleset, self.backend).split("\n"):
            self._apply(line, chains)
        for name, chain in ruleset.chains.items():
            assert chains[name] == list(chain.hashes)
        self.ruleset = ruleset

    def zero(self) -> None:
        """Forget all counters, as `iptables -Z` does."""
        self.packets.clear()

    def dump(self) -> str:
        """What `iptables-save -c` prints."""
        return self.ruleset.dump({rule: (packets, SIZE * packets) for rule, packets in self.packets.items()})

    def _apply(self, line: str, chains: dict[str, list[str]]) -> None:
        found = _HASH.search(line)
        words = line.split(" ")
        if line.startswith(":"):
            self._forget(*chains.get(words[0][1:], ()))
            chains[words[0][1:]] = []
        elif words[0] == "-A" and found:
            chains[words[1]].append(found[1])
        elif words[0] == "-R" and found:
            self._forget(chains[words[1]][int(words[2]) - 1])
            chains[words[1]][int(words[2]) - 1] = found[1]
        elif words[0] == "-D":
            self._forget(chains[words[1]].pop(int(words[2]) - 1))
        elif words[0] == "--delete-chain":
            del chains[words[1]]

    def _forget(self, *rules: str) -> None:
        for rule in rules:
            self.packets.pop(rule, None)

    def _walk(self, chain: Chain, packet: Packet, times: int) -> tuple[bool, Packet]:
        """Whether the packet's way ended, and the packet with its mark."""
        for rule, rule_hash in zip(chain.rules, chain.hashes, strict=True):
            if not all(_matches(part.printed, packet) for part in rule.matches):
                continue
            self.packets[rule_hash] = self.packets.get(rule_hash, 0) + times
            verb, target = _target(rule)
            if target == "RETURN":
                return False, packet
            if target in {"ACCEPT", "DROP", "REJECT"}:
                return True, packet
            if target == "MARK":
                packet = replace(packet, mark=_marked(rule, packet.mark))
            elif target.startswith("cali-"):
                ended, packet = self._walk(self.ruleset.chains[target], packet, times)
                if ended or verb == "-g":
                    return ended, packet
        return False, packet


def _target(rule: Rule) -> tuple[str, str]:
    if rule.target is None:
        return "", ""
    verb, target = rule.target.printed.split(" ")[:2]
    return verb, target


def _marked(rule: Rule, mark: int) -> int:
    assert rule.target is not None
    value, mask = (int(number, 16) for number in rule.target.printed.split(" ")[-1].split("/"))
    return mark & ~mask ^ value


def _matches(match: str, packet: Packet) -> bool:
    words = match.split(" ")
    if words[0] == "-p":
        return words[1] == packet.protocol
    if words[0] in _WAYS:
        return packet.direction is _WAYS[words[0]] and fnmatchcase(packet.interface, words[1].replace("+", "*"))
    kind = words[1]
    if kind == "mark":
        value, mask = (int(number, 16) for number in words[-1].split("/"))
        return (packet.mark & mask == value) is not ("!" in words)
    if kind == "multiport":
        return str(packet.port) in words[-1].split(",")
    if kind == "conntrack":
        return packet.state in words[-1].split(",")
    raise ValueError(f"a match this kernel does not know: {match}")
