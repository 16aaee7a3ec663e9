"""Nodes of a cluster: real `otel-calico serve` processes, each over a saved ruleset whose counters move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from otel_calico.calico.model import Direction, PolicyKind
from tests.end_to_end.cluster import CLIENT, WEB, client_endpoint, felix_node, web_endpoint, web_policies
from tests.end_to_end.resources import datastore
from tests.felix import Era, Node, Policy, allow, deny, render
from tests.felix.kernel import Kernel, Packet
from tests.node.programs import free_port
from tests.node.service import Service

_WITHOUT_CALICO = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
_BASE = {"OTEL_CALICO_METRICS_FRESHNESS": "0", "OTEL_CALICO_METRICS_FAMILIES": "accountant,policy,workload"}
_NEW = Policy(PolicyKind.GLOBAL_NETWORK_POLICY, "new", ingress=(deny(17, 6060), allow(17, 6061)))


class SimulatedNode:
    """One node: its kernel, the file that shows it, and the service that reads the file."""

    def __init__(self, name: str, era: Era, directory: Path, env: Mapping[str, str], export: Mapping[str, str]) -> None:
        self.era = era
        self._kernel = Kernel(render(felix_node(era)))
        self._ruleset, file = directory / f"{name}.rules", directory / f"{name}.etcd"
        file.write_text("".join(f"{key}\n{value}\n" for key, value in export.items()))
        self._save()
        variables = {**_BASE, "NODENAME": "node-1", **env}
        self.service = Service(variables, "--ruleset", str(self._ruleset), "--datastore-file", str(file))

    def send(self, times: int) -> None:
        """Let packets to the web pod and from the client pod through: some accepted, some denied, some unmatched."""
        for port, packets in ((8080, 3 * times), (9090, 2 * times), (5353, times), (7070, times), (6060, times)):
            self._kernel.send(Packet(WEB.interface, Direction.INGRESS, port), packets)
        self._kernel.send(Packet(CLIENT.interface, Direction.EGRESS, 8080), times)
        self._save()

    def write(self, node: Node) -> None:
        """Let Felix change the rules."""
        self._kernel.write(render(node))
        self._save()

    def _save(self) -> None:
        # Renamed into place: a scan must not meet half a file.
        new = self._ruleset.with_suffix(".new")
        new.write_text(self._kernel.dump())
        new.replace(self._ruleset)


class SimulatedCluster:
    """Nodes of different Calico releases, one as Prometheus gets it over OTLP, and some that have trouble."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        no_collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
        no_collector |= {"OTEL_METRIC_EXPORT_INTERVAL": "500", "OTEL_METRIC_EXPORT_TIMEOUT": "300"}
        limited = {"OTEL_CALICO_METRICS_SERIES_LIMIT": "20"}
        # Names as Prometheus makes them of OTLP; the labels are in `targets`.
        over_otlp = {"OTEL_CALICO_PROMETHEUS_NAMING": "opentelemetry"}
        self.nodes = {
            "node-a2": self._node("node-a2", Era.A2),
            "node-c": self._node("node-c", Era.C, no_collector),
            "node-d": self._node("node-d", Era.D, limited),
            "node-e": self._node("node-e", Era.E),
            "node-otlp": self._node("node-otlp", Era.E, over_otlp),
            # Up to v3.21 long names are hashed, and only the datastore tells them.
            "node-nameless": self._node(
                "node-nameless", Era.A1, leave_out=("/workloadendpoints/", "/networkpolicies/")
            ),
        }
        empty = directory / "empty.rules"
        empty.write_text(_WITHOUT_CALICO)
        self._blind = Service(_BASE, "--ruleset", str(empty))
        self._running = ExitStack()
        self._steps = 0

    def _node(
        self, name: str, era: Era, env: Mapping[str, str] | None = None, leave_out: tuple[str, ...] = ()
    ) -> SimulatedNode:
        told = datastore(era).items()
        export = {key: value for key, value in told if not any(part in key for part in leave_out)}
        return SimulatedNode(name, era, self._directory, env or {}, export)

    def __enter__(self) -> Self:
        for node in self.nodes.values():
            self._running.enter_context(node.service).start("")
        self._running.enter_context(self._blind).start("")
        for service in (*(node.service for node in self.nodes.values()), self._blind):
            service.await_path("/healthz")
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def step(self) -> None:
        """Packets come, more each time; a policy comes, and goes again, which rewrites the rules of a pod."""
        self._steps += 1
        for node in self.nodes.values():
            node.send(self._steps)
        changing = self.nodes["node-e"]
        policies = web_policies(changing.era)
        if self._steps % 20 in {5, 15}:
            new = (*policies[:1], _NEW, *policies[1:]) if self._steps % 20 == 5 else policies
            changing.write(felix_node(changing.era, web_endpoint(changing.era, *new), client_endpoint(changing.era)))

    def targets(self) -> Sequence[Mapping[str, object]]:
        """Scrape configurations, labelled as the chart's monitors and as Prometheus' OTLP receiver do; one is down."""
        scraped = {name: node.service.address for name, node in self.nodes.items() if name != "node-otlp"}
        scraped |= {"node-blind": self._blind.address, "node-down": f"127.0.0.1:{free_port()}"}
        labels = {name: {"cluster": "test", "node": name} for name in scraped}
        static = [{"targets": [address], "labels": labels[name]} for name, address in scraped.items()]
        pushed = {"cluster": "test", "k8s_node_name": "node-otlp", "instance": "9f2c"}
        over_otlp = {"targets": [self.nodes["node-otlp"].service.address], "labels": pushed}
        return [
            {"job_name": "otel-calico", "honor_labels": True, "static_configs": static},
            {"job_name": "pushed/otel-calico", "honor_labels": True, "static_configs": [over_otlp]},
        ]
