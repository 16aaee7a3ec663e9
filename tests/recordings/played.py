"""A sequence played through one collector, and what its dumps tell a reader who knows nothing of the product."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from otel_calico.calico.model import IPVersion, WorkloadEndpoint
from otel_calico.snapshot import Snapshot
from tests.numbers.dump_reading import Chains, read
from tests.numbers.look import Name, Naming
from tests.numbers.native_reading import read_native
from tests.recordings.recording import NATIVE
from tests.recordings.replay import NODE_NAME, Replay
from tests.recordings.sequence import DumpSequence

_POLICY = re.compile(r"(?:[A-Za-z]*Policy )(\S+) (?:ingress|egress)")
VERSION = IPVersion.V4
"""Of all sequences."""

_KUBERNETES = "knp.default."
_ENDPOINT = """\
kind: WorkloadEndpoint
apiVersion: projectcalico.org/v3
metadata:
  name: {node}-k8s-{pod}-eth0
  namespace: pods
spec: {{orchestrator: k8s, node: {node}, pod: {pod}, endpoint: eth0, interfaceName: {pod}, ipNetworks: [{address}/32]}}
"""


@cache
def play(sequence: DumpSequence) -> list[tuple[Chains, Snapshot]]:
    """Each dump's lines, and what one collector shows of it."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        replay = Replay(Path(folder), resources(sequence))
        for dump in sequence.dumps:
            replay.show(dump)
            found.append((chains(sequence, dump), replay.scan()))
    return found


def resources(sequence: DumpSequence) -> str:
    """The datastore's: a pod behind every interface."""
    pods = endpoints(sequence).values()
    return "---\n".join(_ENDPOINT.format(node=NODE_NAME, pod=pod.pod, address=pod.addresses[0]) for pod in pods)


def chains(sequence: DumpSequence, dump: str) -> Chains:
    """A dump's lines."""
    return read_native(dump) if sequence.dataplane == NATIVE else read(dump)


@cache
def endpoints(sequence: DumpSequence) -> Mapping[str, WorkloadEndpoint]:
    """A pod for each interface of the sequence, named after it."""
    found = {name for dump in sequence.dumps for name in chains(sequence, dump)}
    interfaces = sorted({name[8:] for name in found if name.startswith(("cali-tw-", "cali-fw-"))})
    return {
        interface: WorkloadEndpoint(interface, "pods", interface, (f"10.65.0.{place}",))
        for place, interface in enumerate(interfaces, 1)
    }


def naming(sequence: DumpSequence, found: Chains) -> Naming:
    """Names of the policies of a dump."""
    return lambda _, chain, tier: name_of(sequence, found, chain, tier)


def name_of(sequence: DumpSequence, found: Chains, chain: str, tier: str) -> Name | None:
    """The policy of a chain: as its first rule says, else as the chain is named unless that is a hash."""
    said = (match[1] for line in found[chain] for text in line.comments if (match := _POLICY.fullmatch(text)))
    name = next(said, "") or _unhashed(sequence, chain)
    if not name:
        return None
    namespace, _, own = name.rpartition("/")
    kind = "NetworkPolicy" if namespace else "GlobalNetworkPolicy"
    if own.startswith(_KUBERNETES):
        kind = "KubernetesNetworkPolicy"
    elif not own.startswith(f"{tier}."):
        own = f"{tier}.{own}"
    return Name(f"{namespace}/{own}" if namespace else own, kind, namespace)


def _unhashed(sequence: DumpSequence, chain: str) -> str:
    """The name in a chain's name, which since v3.29 stands after its tier, since v3.32 after its kind."""
    name = chain[8:]
    if name.startswith("_"):
        return ""
    return name.partition("/")[2] if sequence.version >= (3, 29) else name
