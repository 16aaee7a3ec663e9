"""What the lines of an endpoint chain and of policy chains count, by the words that Felix writes beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.numbers.dump_reading import Chains, Line

POLICY_CHAINS = ("cali-pi-", "cali-po-")
TARGETS = (*POLICY_CHAINS, "cali-gi-", "cali-go-")
_DROPS = {
    "Endpoint admin disabled": {"reason": "admin_disabled"},
    "VXLAN encapped packets": {"reason": "encap", "calico.encapsulation": "vxlan"},
    "IPinIP encapped packets": {"reason": "encap", "calico.encapsulation": "ipip"},
    "over ingress packet rate limit": {"reason": "packet_rate"},
    "over egress packet rate limit": {"reason": "packet_rate"},
    "if no profiles matched": {"reason": "no_profile"},
}


@dataclass
class Tier:
    """One tier of a chain: jumps with the accepts after them, the lines at its end, the first line after it."""

    name: str
    jumps: list[tuple[Line, Line]] = field(default_factory=list)
    log: Line | None = None
    drop: Line | None = None
    leaving: Line | None = None

    def following(self, place: int) -> Line | None:
        """The next line that only packets without a verdict reach."""
        return self.jumps[place + 1][0] if place + 1 < len(self.jumps) else self.log or self.drop


def tiers(lines: Sequence[Line]) -> list[Tier]:
    found: list[Tier] = []
    inside = False
    for place, line in enumerate(lines):
        started = [text.rpartition(" ")[2] for text in line.comments if text.startswith("Start of ")]
        left = line.target.startswith(("cali-pri-", "cali-pro-")) or line.nflog.startswith("DR")
        if inside and (started or left or line.says("if no profiles matched")):
            found[-1].leaving = line
            inside = False
        if started or (line.target.startswith(TARGETS) and not inside):
            found.append(Tier(started[0].replace("policies", "default") if started else "default"))
            inside = True
        if inside and line.target.startswith(TARGETS):
            found[-1].jumps.append((line, lines[place + 1]))
        elif inside and line.nflog[1:2] == "P":
            found[-1].log = line
        elif inside and line.says("if no policies passed packet"):
            found[-1].drop = line
            # Felix's nftables keeps a rule whose comment alone would change: a start may name a tier that is gone.
            ended = [text.split(". ")[0].split(" ")[-1] for text in line.comments if text.startswith("End of tier ")]
            found[-1].name = ended[0] if ended else found[-1].name
    return found


def other_drops(lines: Iterable[Line]) -> Iterator[tuple[dict[str, str], Line]]:
    for line in lines:
        if line.drops and line.states == "INVALID":
            yield {"reason": "conntrack_invalid"}, line
        elif line.drops:
            yield from ((labels, line) for text, labels in _DROPS.items() if line.says(text))


def established(lines: Iterable[Line]) -> Iterator[Line]:
    yield from (line for line in lines if line.states and line.target in {"ACCEPT", "RETURN"})


def deciding(chains: Chains, policy: str) -> list[tuple[str, Line]]:
    """Verdicts and lines of a policy chain that give them."""
    accepts, passes = _marks(chains)
    found = []
    for line in chains[policy]:
        if line.drops:
            found.append(("deny", line))
        elif line.set_mark == f"{accepts}/{accepts}":
            found.append(("allow", line))
        elif line.set_mark == f"{passes}/{passes}":
            found.append(("pass", line))
    return found


def members(chains: Chains, target: str) -> list[str]:
    """The policy chains behind a jump."""
    if target.startswith(POLICY_CHAINS):
        return [target]
    return [line.target for line in chains[target] if line.target.startswith(POLICY_CHAINS)]


def _marks(chains: Chains) -> tuple[str, str]:
    for name, lines in chains.items():
        if name.startswith(("cali-tw-", "cali-fw-")):
            for place, line in enumerate(lines):
                if line.target.startswith(TARGETS):
                    return lines[place + 1].mark.split("/")[1], line.mark.split("/")[1]
    return "0x10000", "0x20000"
