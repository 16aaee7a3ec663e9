"""Says which tier a block of rules belongs to.

Best first: what the chain of one of its policies tells; the comment of its end (v3.30+); the datastore's entry of one
of its policies; the comment of its start, of which Felix v3.29 leaves those of former rules in native nftables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from otel_calico.attribution.endpoint_chain import EndpointChain, TierBlock
from otel_calico.attribution.targets import Targets
from otel_calico.ruleset.rule import CUT

Members = Mapping[str, Iterable[str]]
"""The policy chains that each group chain jumps to."""


def tiers_by_chain(
    endpoints: Sequence[EndpointChain], members: Members, own: Mapping[str, str], stored: Callable[[str], str]
) -> Mapping[str, str]:
    """The tier of each policy or group chain that is jumped to.

    `own` is what chains tell of their policies' tiers, `stored` asks the datastore.
    """
    from_start: dict[str, str] = {}
    told: dict[str, str] = {}
    for block in (block for chain in endpoints for block in chain.tiers):
        chains = list(_chains(block, members))
        tier = _first(own.get(chain, "") for chain in chains) or block.ended or _first(map(stored, chains))
        (told if tier else from_start).update(dict.fromkeys(chains, tier or block.tier))
    return from_start | told | {chain: tier for chain, tier in own.items() if tier}


def tier_of(block: TierBlock, targets: Targets) -> str:
    """The tier of a block, told by its targets where there are any."""
    found = (targets[jump.target].tier for jump in block.jumps if jump.target in targets)
    return _first(found) or block.tier


def contradicted(blocks: Iterable[TierBlock], targets: Targets) -> Sequence[TierBlock]:
    """The blocks whose start has the comment of another tier, one that was not cut."""
    return [
        block
        for block in blocks
        if block.started not in {"", tier_of(block, targets)} and not block.started.endswith(CUT)
    ]


def _chains(block: TierBlock, members: Members) -> Iterator[str]:
    for jump in block.jumps:
        yield jump.target
        yield from members.get(jump.target, ())


def _first(tiers: Iterable[str]) -> str:
    return next(filter(None, tiers), "")
