"""What the node's series of drops should say: rules of no policy, no profile and no known workload."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tests.numbers.dump_reading import Line
from tests.numbers.look import UNITS, Key, Labels, Look, Number, kernels_value, key

_TOLD_ELSEWHERE = ("cali-pi-", "cali-po-", "cali-pri-", "cali-pro-", "cali-th", "cali-fh")
_WAYS = {
    "cali-from-wl-dispatch": "egress",
    "cali-to-wl-dispatch": "ingress",
    "cali-fw-": "egress",
    "cali-tw-": "ingress",
}


def node_drops(look: Look, known: Collection[str], former: Mapping[Key, Number]) -> Iterator[tuple[Key, Number]]:
    """`known` are the chains of known workloads."""
    for chain, lines in look.now.items():
        drops = [line for line in lines if line.drops]
        if not drops or chain in known or chain.startswith(_TOLD_ELSEWHERE):
            continue
        reasons = [_reason(chain, line) for line in drops]
        for reason, line in zip(reasons, drops, strict=True):
            labels: Labels = {"reason": reason, **_way(chain)}
            if look.version == 6:
                labels["network.type"] = "ipv6"
            if chain not in _WAYS or reasons.count(reason) > 1:
                labels["calico.chain"] = chain
            if reasons.count(reason) > 1:
                labels["calico.rule.number"] = str(list(lines).index(line) + 1)
            for unit, octets in UNITS.items():
                own = key(f"calico.node.dropped.{unit}", labels)
                yield own, kernels_value(look, chain, line, former.get(own), octets=octets)


def is_shown(one: Key, number: Number) -> bool:
    """Those of the first dispatch chains always; others once they counted."""
    labels = dict(one[1])
    usual = labels["reason"] == "unknown_interface" and "calico.chain" not in labels
    return usual or bool(number.value or number.lost)


def _reason(chain: str, line: Line) -> str:
    if line.says("Unknown interface"):
        return "unknown_interface"
    return "unknown_endpoint" if chain.startswith(("cali-tw-", "cali-fw-")) else "other"


def _way(chain: str) -> Labels:
    return next(({"calico.direction": way} for prefix, way in _WAYS.items() if chain.startswith(prefix)), {})
