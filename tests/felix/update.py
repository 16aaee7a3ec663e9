"""How Felix changes a table it wrote before (`felix/iptables/table.go`).

With the legacy backend it replaces rule by rule and leaves unchanged leading rules (and so their counters)
alone; with the nft backend it rewrites every chain that changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.felix.rule import Chain
from tests.felix.ruleset import Ruleset


def update(before: Ruleset, after: Ruleset, backend: str) -> str:
    """Text for `iptables-restore --noflush` that turns one ruleset into the other; `backend` is `legacy` or `nft`."""
    gone = [name for name in before.chains if name not in after.chains]
    flushed = [name for name in after.chains if name not in before.chains]
    rules: list[str] = []
    for name, chain in after.chains.items():
        former = before.chains.get(name)
        if former is None:
            rules += _appended(chain)
        elif former.hashes != chain.hashes and backend == "nft":
            flushed.append(name)
            rules += _appended(chain)
        elif former.hashes != chain.hashes:
            rules += _replaced(former, chain)
    declared = [f":{name} - -" for name in (*flushed, *gone)]
    deleted = [f"--delete-chain {name}" for name in gone]
    return "\n".join(["*filter", *declared, *rules, *deleted, "COMMIT", ""])


def _appended(chain: Chain) -> list[str]:
    return [f"-A {chain.name} {rule}" for rule in chain.written]


def _replaced(former: Chain, chain: Chain) -> Iterator[str]:
    for place, rule in enumerate(chain.written):
        if place >= len(former.rules):
            yield f"-A {chain.name} {rule}"
        elif former.hashes[place] != chain.hashes[place]:
            yield f"-R {chain.name} {place + 1} {rule}"
    for _ in range(len(chain.rules), len(former.rules)):
        yield f"-D {chain.name} {len(chain.rules) + 1}"
