"""Random histories of one node: what it prints from look to look, damaged or not, and what its datastore knows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, Resource, WorkloadEndpoint
from otel_calico.config import load
from otel_calico.datastores.decode import CLUSTER_INFORMATIONS, POLICY_KINDS, WORKLOAD_ENDPOINTS
from otel_calico.metrics import FAMILIES
from otel_calico.service.wiring import build_datastore
from otel_calico.sources.ruleset_source import Dump
from tests.damage.damages import DAMAGES
from tests.damage.saved_table import SavedTable
from tests.recordings import RECORDINGS, SEQUENCES, DumpSequence, Moment, Recording

Resources = Mapping[str, Mapping[str, Resource]]
"""What a datastore holds, by kind and key."""

_KINDS = (WORKLOAD_ENDPOINTS, CLUSTER_INFORMATIONS, *POLICY_KINDS)
_RECORDED: Sequence[Recording | DumpSequence] = (*RECORDINGS, *SEQUENCES)
_MOST_LOOKS, _MOST_DAMAGES = 4, 3
_BACKENDS = ("nft", "nft", "nft", "legacy", "nftables")


@dataclass(frozen=True)
class Look:
    """What one scan finds: `reads` are what the source shows when it is read again and again.

    `gone` and `known` are resources that the datastore loses, and has again, before it.
    """

    reads: Sequence[Sequence[Dump]]
    unlocked: bool
    backend: str
    gone: Sequence[tuple[str, str]] = ()
    known: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Node:
    """Where a history begins: the dumps that were read of one node, and what its datastore held."""

    dumps: Mapping[IPVersion, Sequence[str]]
    resources: Resources


def histories(choose: Random, node: Node) -> Iterator[Look]:
    """Some looks at a node."""
    tables = {version: _table(choose.choice(dumps)) for version, dumps in node.dumps.items()}
    held = [(kind, key) for kind, of_kind in node.resources.items() for key in of_kind]
    gone: list[tuple[str, str]] = []
    for _ in range(choose.randrange(2, _MOST_LOOKS + 1)):
        unlocked = choose.random() < 0.3
        reads = [_read(choose, node, tables) for _ in range(choose.randrange(2, 4) if unlocked else 1)]
        known, gone = gone, [choose.choice(held)] if held and choose.random() < 0.3 else []
        yield Look(reads, unlocked, choose.choice(_BACKENDS), gone, known)


def _read(choose: Random, node: Node, tables: dict[IPVersion, SavedTable]) -> Sequence[Dump]:
    """One reading of all IP versions, some of which may be gone. The tables are left as they were read."""
    for version, dumps in node.dumps.items():
        if choose.random() < 0.5:
            tables[version] = _table(choose.choice(dumps))
        for _ in range(choose.randrange(_MOST_DAMAGES + 1)):
            if tables[version].rules and tables[version].chains:
                damage = choose.choice(DAMAGES)
                tables[version] = damage(tables[version], choose, _table(choose.choice(dumps)))
    return [
        Dump(version, _text(choose, table.text), first_look=choose.random() < 0.1)
        for version, table in tables.items()
        if choose.random() < 0.85
    ]


def _text(choose: Random, text: str) -> str:
    """The text, sometimes cut, twice or with something else around it."""
    if choose.random() < 0.9:
        return text
    cut = choose.randrange(len(text) + 1)
    return choose.choice(("", "\n", text[:cut], text[cut:], text[:cut] + "\n" + text[cut:], text + text, f"{text}#\n"))


@cache
def _table(text: str) -> SavedTable:
    return SavedTable.read(text)


@cache
def recorded_node(recording: Recording) -> Node:
    """The node of a recording."""
    dumps = {version: [recording.dump(moment, version) for moment in Moment] for version in IPVersion}
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "resources.yaml"
        export.write_text(recording.resources)
        settings = load({"NODENAME": "node-1"}, {"datastore.file": str(export), "metrics.families": ",".join(FAMILIES)})
        lookups = Lookups()
        build_datastore(settings, lookups).start()
    return Node(dumps, {kind: dict(lookups.held(kind)) for kind in _KINDS})


@cache
def sequence_node(sequence: DumpSequence) -> Node:
    """The node of a sequence, whose datastore knows all interfaces that ever had chains."""
    prefixes = tuple(WORKLOAD_PREFIXES.values())
    chains = {chain for dump in sequence.dumps for chain in _table(dump).chains if chain.startswith(prefixes)}
    interfaces = sorted({chain[len(prefixes[0]) :] for chain in chains})
    endpoints = {name: WorkloadEndpoint(name, "default", f"pod-{name}", ("10.0.0.1",)) for name in interfaces}
    return Node({IPVersion.V4: sequence.dumps}, {"workloadendpoints": endpoints})


def random_node(choose: Random) -> Node:
    """A recorded node, or one that is another node later: with another release of Felix, or another dataplane."""
    node = _node(choose.choice(_RECORDED))
    if choose.random() < 0.8:
        return node
    later = _node(choose.choice(_RECORDED))
    both = {version: [*node.dumps.get(version, ()), *later.dumps.get(version, ())] for version in IPVersion}
    return Node({version: dumps for version, dumps in both.items() if dumps}, {**later.resources, **node.resources})


def _node(recorded: Recording | DumpSequence) -> Node:
    return recorded_node(recorded) if isinstance(recorded, Recording) else sequence_node(recorded)
