"""A node under watch: what the service shows after each look is held against the naive count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.chains import WORKLOAD_PREFIXES
from otel_calico.calico.model import Direction, IPVersion, WorkloadEndpoint
from otel_calico.metrics import FAMILIES
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.series import Snapshot
from tests.attribution.node import ScannedNode
from tests.felix import Policy, Ruleset, render
from tests.felix.kernel import SIZE, Kernel, Packet
from tests.numbers.cluster import INTERFACES, PORTS, Cluster, decisions, name_of
from tests.numbers.dump_reading import Chains, read
from tests.numbers.expected import Expected
from tests.numbers.look import Key, Look, Name, Number
from tests.numbers.shown import Stream, assert_same, exposed, on_page, published
from tests.sources.memory import BARE

SPLIT = "calico.workload.policy."
"""Metrics in which a group and its members share what the group did."""


class WatchedNode:
    """Rules of both IP versions, the datastore, the service and the naive count."""

    def __init__(self, cluster: Cluster, backend: str) -> None:
        self.cluster, self.backend = cluster, backend
        self.service = ScannedNode(settings=ScanSettings(SeriesChoice(FAMILIES)))
        self.service.source.dumps = {}
        self._expected = Expected()
        self._exposition = Exposition()
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
        self._last: dict[Key, int] = {}
        self._since: dict[Key, float] = {}
        self._last_expected: dict[Key, Number] = {}

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
            self._compare(snapshot)
        else:
            self._last, self._last_expected, self._since = {}, {}, {}
        self._returned = {version for version in IPVersion if version in self.hidden}
        for look in looks:
            self._writes[look.version] = 0
        for own in [own for own in self._decided if own[0] in {look.version for look in looks}]:
            del self._decided[own]

    def _name(self, version: IPVersion, chain: str, tier: str) -> Name | None:
        policy, told = self._written[version].named()[chain]
        return name_of(policy, tier) if told or (policy.kind, policy.namespace, policy.name) in self._known else None

    def _compare(self, snapshot: Snapshot) -> None:
        shown, streams = published(snapshot)
        expected, parts = self._expected.numbers, self._expected.parts
        text = b"".join(self._exposition.render(snapshot.readings, TextFormat.PROMETHEUS)).decode()
        assert_same("page", on_page(text), {exposed(key): value for key, value in shown.items()})
        assert_same("series", dict.fromkeys(shown), dict.fromkeys([*expected, *parts]))
        exact = {key: number for key, number in expected.items() if not key[0].startswith(SPLIT)}
        assert_same("value", {key: shown[key] for key in exact}, {key: number.value for key, number in exact.items()})
        counters = {key: number for key, number in exact.items() if not key[0].endswith((".info", ".time"))}
        assert_same(
            "stream",
            {key: streams[key] for key in counters},
            {key: (number.lost, number.first, number.since) for key, number in counters.items()},
        )
        self._compare_gains(shown, streams)
        self._last, self._last_expected = shown, expected
        self._since = {key: since for key, (_, _, since) in streams.items()}

    def _compare_gains(self, shown: Mapping[Key, int], streams: Mapping[Key, Stream]) -> None:
        """A group and its members gained what the group did, and nobody more than happened."""
        expected, parts = self._expected.numbers, self._expected.parts
        gained = {  # a pod that takes an old name is a stream of its own
            key: value - (self._last[key] if self._since.get(key) == streams[key][2] else 0)
            for key, value in shown.items()
        }
        for key, number in expected.items():
            if key[0].startswith(SPLIT):
                before = self._last_expected.get(key)
                known = before.value if before and before.since == number.since else 0
                together = [key, *(part for part, whole in parts.items() if whole == key)]
                assert_same("gain", {key: sum(gained[one] for one in together)}, {key: number.value - known})
                assert min(gained[one] for one in together) >= 0
        for key, (endpoint, *policies) in self._expected.deciders.items():
            labels = dict(key[1])
            version = IPVersion(int(labels.get("network.type", "ipv" + labels.get("ip_version", "4"))[3:]))
            if version in self._returned or self._writes[version] > 1:
                continue  # nothing in a dump tells what a chain counted between two writes
            verdict = labels.get("calico.verdict", "deny")
            most = sum(self._decided[version, endpoint, policy, verdict] for policy in policies)
            assert gained[key] <= most * (SIZE if key[0].endswith("bytes") else 1), key
