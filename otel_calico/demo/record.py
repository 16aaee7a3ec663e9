"""Sets the counters of the recorded dump as the flows of the demo move them.

Every counter is a sum over the flows that meet its rule, each flow counted in whole packets: so counters fit
each other at any moment, as in a real ruleset.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from otel_calico.calico.model import IPVersion

_DIRECTORY = Path(__file__).parent
_COUNTED = re.compile(r"\[\d+:\d+\] (?P<rule>.*cali:(?P<hash>[A-Za-z0-9_-]{16}).*)")


class Flow(msgspec.Struct, frozen=True):
    """Packets of one kind on one way through the rules.

    `about` is for readers of the record. `rules` are `CHAIN HASH` in the order the packets meet them.
    """

    about: str
    ip_version: IPVersion
    packets_per_second: float
    bytes_per_packet: int
    rules: tuple[str, ...]

    def packets(self, seconds: float) -> int:
        """Packets that passed in this time; never falls as time goes on."""
        return int(self.packets_per_second * seconds)


class Flows(msgspec.Struct, frozen=True):
    """All traffic of the node. The dumps' own counters are those after `recorded_seconds`."""

    recorded_seconds: int
    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class RecordedRuleset:
    """One dump, cut at its lines; `hashes` are those of the lines that traffic reaches, by line number."""

    ip_version: IPVersion
    lines: tuple[str, ...]
    hashes: Mapping[int, str]

    @classmethod
    def cut(cls, ip_version: IPVersion, text: str, flows: Iterable[Flow]) -> RecordedRuleset:
        """Cut a dump. The lines that no flow reaches stay as they are."""
        reached = {rule.partition(" ")[2] for flow in flows if flow.ip_version is ip_version for rule in flow.rules}
        lines = text.splitlines()
        hashes: dict[int, str] = {}
        for number, line in enumerate(lines):
            counted = _COUNTED.fullmatch(line)
            if counted and counted["hash"] in reached:
                hashes[number] = counted["hash"]
                lines[number] = counted["rule"]
        return cls(ip_version, tuple(lines), hashes)

    def dump(self, counters: Mapping[str, tuple[int, int]]) -> str:
        """The dump with these packets and bytes by rule hash."""
        lines = list(self.lines)
        for number, rule_hash in self.hashes.items():
            packets, size = counters[rule_hash]
            lines[number] = f"[{packets}:{size}] {lines[number]}"
        return "\n".join([*lines, ""])


def count(flows: Iterable[Flow], ip_version: IPVersion, seconds: float) -> Mapping[str, tuple[int, int]]:
    """Packets and bytes by rule hash after this time."""
    counters: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for flow in flows:
        if flow.ip_version is not ip_version:
            continue
        new = flow.packets(seconds)
        for rule in flow.rules:
            rule_hash = rule.partition(" ")[2]
            packets, size = counters[rule_hash]
            counters[rule_hash] = (packets + new, size + new * flow.bytes_per_packet)
    return counters


def rules_file(ip_version: IPVersion) -> Path:
    """Where the dump of an IP version lies."""
    return _DIRECTORY / f"node.v{ip_version}.rules"


FLOWS_FILE = _DIRECTORY / "flows.json"


def load_flows() -> Flows:
    """The recorded traffic."""
    return msgspec.json.decode(FLOWS_FILE.read_bytes(), type=Flows)
