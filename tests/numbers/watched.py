"""A node under watch: what the service shows after each look is held against the naive count."""

from __future__ import annotations

from collections import Counter
from random import Random

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import Direction, IPVersion, WorkloadEndpoint
from otel_calico.metrics import FAMILIES
from otel_calico.scanning.node_scanner import ScanSettings
from tests.attribution.node import ScannedNode
from tests.felix import Policy, Ruleset, render
from tests.felix.kernel import SIZE, Kernel, Packet
from tests.numbers.cluster import INTERFACES, PORTS, Cluster, decisions, name_of
from tests.numbers.comparison import Comparison
from tests.numbers.dump_reading import Chains, read
from tests.numbers.expected import Expected
from tests.numbers.look import Look, Name
from tests.sources.memory import BARE


class WatchedNode:
    """Rules of both IP versions, the datastore, the service and the naive count."""

    def __init__(self, cluster: Cluster, backend: str) -> None:
        self.cluster, self.backend = cluster, backend
        self.service = ScannedNode(settings=ScanSettings(SeriesChoice(FAMILIES)))
        self.service.source.dumps = {}
        self._expected = Expected()
        self._comparison = Comparison()
        self._before: dict[IPVersion, tuple[Chains, float]] = {}
        self.kernels: dict[IPVersion, Kernel] = {}
        self.hidden: set[IPVersion] = set()
        self._writes: Counter[IPVersion] = Counter()
        """Of Felix, since that version was looked at."""
        self._returned: set[IPVersion] = set()
        self.endpoints: dict[str, WorkloadEndpoint] = {}
        self._written: dict[IPVersion, Cluster] = {}
        self._decided: Counter[tuple[IPVersion, str, str, str]] = Counter()
        """By version, chain of the endpoint, chain of the policy and verdict: since that version was looked at."""
        self._known: set[tuple[object, ...]] = set()

    def write(self, version: IPVersion) -> None:
        """Let Felix write the cluster's rules."""
        ruleset = render(self.cluster.node, version)
        if version not in self.kernels:
            self.kernels[version] = Kernel(ruleset, self.backend)
        self.kernels[version].write(ruleset)
        self._written[version] = self.cluster
        self._writes[version] += 1

    def remove(self, version: IPVersion) -> None:
        """Let all of Felix's rules go."""
        if version in self.kernels:
            self.kernels[version].write(Ruleset({}))
            self._writes[version] += 1

    def put(self, endpoint: WorkloadEndpoint) -> None:
        """Let the datastore know a workload."""
        self.endpoints[endpoint.interface] = endpoint
        self.service.lookups.put("workloadendpoints", endpoint.interface, endpoint)

    def forget(self, interface: str) -> None:
        """Let the datastore lose the workload of an interface."""
        self.endpoints.pop(interface, None)
        self.service.lookups.remove("workloadendpoints", interface)

    def tell(self, policy: Policy) -> None:
        """Let the datastore know a policy."""
        self._known.add((policy.kind, policy.namespace, policy.name))
        self.service.put(policy.resource)

    def send(self, random: Random) -> None:
        """Let some packets through."""
        for _ in range(random.choice([0, 1, 3, 10])):
            state = random.choice(["NEW", "NEW", "NEW", "ESTABLISHED", "INVALID"])
            pod, way, port = random.choice(INTERFACES), random.choice(list(Direction)), random.choice(PORTS)
            packet, times = Packet(pod, way, port, 0, state), random.choice([1, 2, 5, 100])
            version = random.choice(list(IPVersion))
            kernel = self.kernels.get(version)
            if kernel and f"cali-tw-{packet.interface}" in kernel.ruleset.chains:
                kernel.send(packet, times)
                self._note(version, packet, times)

    def _note(self, version: IPVersion, packet: Packet, times: int) -> None:
        if packet.state == "NEW":
            cluster, own = self._written[version], WORKLOAD_PREFIXES[packet.direction] + packet.interface
            for chain, verdict in decisions(cluster, packet.interface, packet.direction, packet.port):
                self._decided[version, own, chain, verdict] += times

    def dumps(self) -> dict[IPVersion, str]:
        """What there is to read."""
        return {
            version: kernel.dump() if kernel.ruleset.chains else BARE
            for version, kernel in self.kernels.items()
            if version not in self.hidden
        }

    def look(self) -> None:
        """Scan, count naively, and compare."""
        dumps = self.dumps()
        self.service.source.dumps = dict(dumps)
        snapshot = self.service.scan()
        looks = []
        for version in IPVersion:
            known = self._before.get(version)
            if version in dumps or (known and known[0]):
                now = read(dumps.get(version, ""))
                looks.append(Look(version, now, known[0] if known else None, known[1] if known else snapshot.taken))
        if not dumps or all(text == BARE for text in dumps.values()):
            assert snapshot.failure
        for look in looks:
            self._before[look.version] = look.now, snapshot.taken
        self._expected.look(looks, self.endpoints, self._name, snapshot.taken)
        if not snapshot.failure:
            self._comparison.compare(snapshot, self._expected)
            self._compare_decided()
        else:
            self._comparison.forget()
        self._returned = {version for version in IPVersion if version in self.hidden}
        for look in looks:
            self._writes[look.version] = 0
        for own in [own for own in self._decided if own[0] in {look.version for look in looks}]:
            del self._decided[own]

    def _name(self, version: IPVersion, chain: str, tier: str) -> Name | None:
        policy, told = self._written[version].named()[chain]
        return name_of(policy, tier) if told or (policy.kind, policy.namespace, policy.name) in self._known else None

    def _compare_decided(self) -> None:
        """No series gained more than happened."""
        for key, (endpoint, *policies) in self._expected.deciders.items():
            labels = dict(key[1])
            version = IPVersion(int(labels.get("network.type", "ipv" + labels.get("ip_version", "4"))[3:]))
            if version in self._returned or self._writes[version] > 1:
                continue  # nothing in a dump tells what a chain counted between two writes
            verdict = labels.get("calico.verdict", "deny")
            most = sum(self._decided[version, endpoint, policy, verdict] for policy in policies)
            assert self._comparison.gained[key] <= most * (SIZE if key[0].endswith("bytes") else 1), key
