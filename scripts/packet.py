"""Sends one packet through a dump and tells which rules counted it: a small iptables for Felix's rules. Pure.

It knows the matches and targets that the demo's node needs and refuses all others, so that it cannot be wrong
in silence.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

_PROTOCOLS = {"ipencap": 4, "tcp": 6, "udp": 17}
_ENDS = ("ACCEPT", "DROP")


@dataclass(frozen=True, slots=True)
class Packet:
    """A forwarded packet. `state` is what connection tracking says: `NEW` or `ESTABLISHED`."""

    came_in: str
    goes_out: str
    source: str
    protocol: str
    port: int
    state: str = "NEW"


@dataclass(frozen=True, slots=True)
class _Rule:
    place: str  # CHAIN HASH
    words: tuple[str, ...]


class Filter:
    """The chains of one dump."""

    def __init__(self, dump: str) -> None:
        self.chains: dict[str, list[_Rule]] = {}
        for line in dump.splitlines():
            if line.startswith("["):
                _, _, chain, *words = shlex.split(line)
                rule_hash = next(word for word in words if word.startswith("cali:")).removeprefix("cali:")
                self.chains.setdefault(chain, []).append(_Rule(f"{chain} {rule_hash}", tuple(words)))

    def forward(self, packet: Packet) -> _Walk:
        """Walk the packet through FORWARD, whose policy is to accept."""
        walk = _Walk(self, packet)
        walk.verdict = walk.through("FORWARD") or "ACCEPT"
        return walk


@dataclass(slots=True)
class _Walk:
    """`met` are the rules that counted the packet, `verdict` is `ACCEPT` or `DROP`."""

    filter: Filter
    packet: Packet
    met: list[str] = field(default_factory=list)
    verdict: str = ""
    mark: int = 0

    def through(self, chain: str) -> str | None:
        """The verdict of a chain; None if the packet comes back from it."""
        for rule in self.filter.chains.get(chain, ()):
            matches, target, argument = self._read(rule)
            if not matches:
                continue
            self.met.append(rule.place)
            if target in _ENDS:
                return target
            if target == "RETURN":
                return None
            if target == "MARK":
                value, mask = _bits(argument)
                self.mark = (self.mark & ~mask) ^ value
            elif target.startswith("goto "):
                return self.through(target.removeprefix("goto "))
            elif target and (verdict := self.through(target)):
                return verdict
        return None

    def _read(self, rule: _Rule) -> tuple[bool, str, str]:
        """Whether the packet matches, the target (empty: only count) and the target's argument."""
        matches, inverted, target, argument = True, False, "", ""
        for option, value in _options(iter(rule.words)):
            if option == "!":
                inverted = True
            elif option == "-j":
                target = value
            elif option == "-g":
                target = f"goto {value}"
            elif option == "--set-xmark":
                argument = value
            else:
                matches &= self._matches(option, value) is not inverted
                inverted = False
        return matches, target, argument

    def _matches(self, option: str, value: str) -> bool:
        packet = self.packet
        if option == "--mark":
            wanted, mask = _bits(value)
            return self.mark & mask == wanted
        if option == "--dports":
            return str(packet.port) in value.split(",")
        if option == "--ctstate":
            return packet.state in value.split(",")
        if option == "-p":
            return _PROTOCOLS[value] == _PROTOCOLS[packet.protocol]
        if option == "-s":
            return ip_address(packet.source) in ip_network(value)
        if option in ("-i", "-o"):
            name = packet.came_in if option == "-i" else packet.goes_out
            return name.startswith(value[:-1]) if value.endswith("+") else name == value
        raise ValueError(f"no packet can be matched by {option} {value}")


def _options(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, without comments and module names."""
    for word in words:
        if word == "!":
            yield word, ""
        elif word in ("-m", "--comment"):
            next(words)
        else:
            yield word, next(words)


def _bits(text: str) -> tuple[int, int]:
    value, _, mask = text.partition("/")
    return int(value, 16), int(mask, 16)
