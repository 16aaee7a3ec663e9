"""A node of real parts: its namespace with etcd, pods and a host outside, and the rules of its Felix in the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from otel_calico.calico.model import IPVersion
from tests.end_to_end.cluster import CLIENT, NODE_NAME, WEB, Workload, felix_node
from tests.end_to_end.resources import PREFIX, datastore
from tests.felix import Era, Node, Ruleset, render, update
from tests.felix.nftables import NftTable, render_nftables, update_nftables
from tests.node.etcd import Etcd, TLSFiles
from tests.node.iptables import BACKENDS, clear, load
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, load_table
from tests.node.pod import Pod
from tests.node.service import Service

DATAPLANES = (*BACKENDS, "nftables")
"""Where Felix may write its rules."""


class LiveNode:
    """Starts with etcd and a host outside; `run`, `program` and `etcd.put_all` bring pods, rules and resources."""

    def __init__(self, backend: str, etcd_tls: TLSFiles | None = None) -> None:
        self.backend = backend
        self.pods: dict[str, Pod] = {}
        self._rulesets: dict[IPVersion, Ruleset] = {}
        self._tables: dict[IPVersion, NftTable] = {}
        with ExitStack() as parts:
            self.namespace = parts.enter_context(Namespace())
            self.etcd = parts.enter_context(Etcd(etcd_tls, self.namespace))
            self.outside = parts.enter_context(Pod(self.namespace, "uplink", "198.51.100.1", "2001:db8:51::1"))
            self.etcd.start()
            self._parts = parts.pop_all()

    @classmethod
    def of_era(cls, era: Era, backend: str, etcd_tls: TLSFiles | None = None) -> Self:
        """A node on which both pods of the cluster run, with their policies in the datastore and in the kernel."""
        node = cls(backend, etcd_tls)
        try:
            for workload in (WEB, CLIENT):
                node.run(workload)
            node.install(era)
        except BaseException:
            node.close()
            raise
        return node

    def install(self, era: Era) -> None:
        """Put the cluster into the datastore and the kernel, in place of what was there; counters start at zero."""
        self.etcd.delete_prefix(PREFIX)
        self.etcd.put_all(datastore(era))
        for ip_version in self._rulesets:
            clear(self.namespace, self.backend, ip_version)
        for ip_version in self._tables:
            delete_table(self.namespace, ip_version)
        self._rulesets.clear()
        self._tables.clear()
        self.program(felix_node(era))

    def run(self, workload: Workload) -> Pod:
        """Start a pod; it swallows datagrams to UDP port 8080."""
        pod = Pod(self.namespace, workload.interface, workload.ipv4, workload.ipv6, sink=(8080,))
        self.pods[workload.pod] = self._parts.enter_context(pod)
        return pod

    def program(self, node: Node) -> None:
        """Write the rules of both IP versions as Felix does: all at first, later what changed."""
        for ip_version in IPVersion:
            if self.backend == "nftables":
                self._program_natively(node, ip_version)
                continue
            ruleset = render(node, ip_version)
            before = self._rulesets.get(ip_version)
            text = update(before, ruleset, self.backend) if before else ruleset.restore()
            load(self.namespace, text, self.backend, ip_version)
            self._rulesets[ip_version] = ruleset

    def _program_natively(self, node: Node, ip_version: IPVersion) -> None:
        table, before = render_nftables(node, ip_version), self._tables.get(ip_version)
        load_table(self.namespace, update_nftables(before, table) if before else table.restore())
        self._tables[ip_version] = table

    def move(self, backend: str, node: Node) -> None:
        """Write all rules to another backend, as an upgraded Felix may; the former ones stay in force."""
        self.backend = backend
        self._rulesets.clear()
        self._tables.clear()
        self.program(node)

    def rewrite(self, chain: str) -> None:
        """Write a chain anew with the rules it has, as another Felix or a restarted one does."""
        for ip_version, ruleset in self._rulesets.items():
            rules = [f"-A {chain} {rule}" for rule in ruleset.chains[chain].written]
            text = "\n".join(["*filter", f":{chain} - -", *rules, "COMMIT", ""])
            load(self.namespace, text, self.backend, ip_version)
        for table in self._tables.values():
            load_table(self.namespace, "\n".join([*table.rewrite([f"filter-{chain}"]), ""]))

    def send(self, counts: Mapping[int, int], ip_version: int = 4) -> None:
        """Send UDP packets from outside to the web pod: so many to each port."""
        for port, count in counts.items():
            self.outside.send_udp(self.pods[WEB.pod], port, count, ip_version)

    @property
    def environment(self) -> dict[str, str]:
        """What the service is told on this node. Each scrape scans, so that tests need not wait for fresh numbers."""
        return {
            "NODENAME": NODE_NAME,
            "ETCD_ENDPOINTS": self.etcd.endpoint,
            "OTEL_CALICO_METRICS_FRESHNESS": "0",
        }

    def service(self, env: Mapping[str, str] | None = None, *arguments: str, through: Sequence[str] = ()) -> Service:
        """The service inside the node, not yet started; it ends with the node at the latest."""
        whole = {**self.environment, **(env or {})}
        return self._parts.enter_context(Service(whole, *arguments, namespace=self.namespace, through=through))

    def close(self) -> None:
        """End all parts."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def by_kind(service: Service, metric: str) -> Mapping[str, int]:
    """An own metric about the datastore, such as `resources`, by kind of resource."""
    series = service.scrape()[f"otel_calico_datastore_{metric}"]
    return {dict(labels)["kind"]: int(value) for labels, value in series.items()}


def wait_for_kinds(service: Service, metric: str, value: int, seconds: float = 10.0) -> None:
    """Wait until an own metric about the datastore has one value for all kinds, as `connected` has 1."""
    service.wait(lambda: set(by_kind(service, metric).values()) == {value}, f"{metric} {value}", seconds)
