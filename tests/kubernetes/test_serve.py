"""`serve` in Kubernetes mode: the same series as in etcd mode, on saved rules of each era and on real ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from otel_calico.calico.chains import veth_name
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion, PolicyKind
from otel_calico.config import load
from otel_calico.service.wiring import StartError, build_datastore
from tests.end_to_end import cluster, resources
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import POLICY_METRICS
from tests.felix import Endpoint, Era, Node, Policy, kubernetes_profiles, render
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.objects import Object, calico, changed, cluster_information, kubernetes_policy, pod
from tests.node.etcd import Etcd
from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program, free_port
from tests.node.service import Metrics, Service
from tests.node.web import answers

ERAS = list(Era)
WEB, CLIENT = (replace(one, interface=veth_name(cluster.NAMESPACE, one.pod)) for one in (cluster.WEB, cluster.CLIENT))


def by_kubernetes(policy: Policy) -> Policy:
    """A policy as Felix has it with the Kubernetes datastore: those of Kubernetes are of their own kind."""
    if not policy.name.startswith("knp.default."):
        return policy
    return replace(policy, kind=PolicyKind.KUBERNETES_NETWORK_POLICY, name=policy.name.removeprefix("knp.default."))


def endpoints(era: Era, *, kubernetes: bool) -> tuple[Endpoint, ...]:
    change = by_kubernetes if kubernetes else lambda policy: policy
    web, client = tuple(map(change, cluster.web_policies(era))), (change(cluster.fetch_web(era)),)
    profiles = kubernetes_profiles(cluster.NAMESPACE)
    return Endpoint(WEB.interface, web, (), profiles), Endpoint(CLIENT.interface, (), client, profiles)


def node(era: Era, *, kubernetes: bool) -> Node:
    return cluster.felix_node(era, *endpoints(era, kubernetes=kubernetes))


def etcd_entries(era: Era) -> dict[str, str]:
    return {**resources.datastore(era), **dict([resources.endpoint(WEB), resources.endpoint(CLIENT)])}


def api_objects(era: Era) -> list[Object]:
    """The cluster of the end-to-end tests as the API shows it."""
    objects = []
    for one in (WEB, CLIENT):
        ips = {"podIP": one.ipv4, "podIPs": [{"ip": one.ipv4}, {"ip": one.ipv6}]}
        made = pod(one.pod, namespace=cluster.NAMESPACE, node=cluster.NODE_NAME, app=one.app)
        objects.append(changed(made, status=ips))
    for policy in (*cluster.web_policies(era), cluster.fetch_web(era)):
        if policy.name.startswith("knp.default."):
            objects.append(kubernetes_policy(policy.name.removeprefix("knp.default."), policy.namespace))
        else:
            tier = {"tier": policy.tier} if era >= Era.C else {}
            objects.append(calico(policy.kind.value, policy.name, policy.namespace, order=1000, **tier))
    if era >= Era.C:
        objects += [calico("GlobalNetworkPolicy", "security"), calico("GlobalNetworkPolicy", "default")]
    version = "v3.32.1" if era >= Era.E else "v3.25.0"
    return [*objects, cluster_information(version)]


def policy_series(service: Service) -> Metrics:
    metrics = service.scrape()
    assert metrics["otel_calico_interfaces_without_workload"] == {frozenset(): 0}
    assert metrics["otel_calico_chains_without_name"] == {frozenset(): 0}
    return {name: metrics.get(name, {}) for name in POLICY_METRICS}


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_saved_rules_give_the_same_series_as_with_etcd(api: ApiServer, etcd: Etcd, tmp_path: Path, era: Era) -> None:
    etcd.put_all(etcd_entries(era))
    api.store.put(*api_objects(era))
    with ExitStack() as running:
        services = []
        for mode, kubernetes in ({"ETCD_ENDPOINTS": etcd.endpoint}, False), ({"K8S_API_ENDPOINT": api.url}, True):
            ruleset = render(node(era, kubernetes=kubernetes), IPVersion.V4)
            counters = {one: (place, 60 * place) for place, one in enumerate(ruleset.hashes, 1)}
            file = tmp_path / f"rules-{kubernetes}"
            file.write_text(ruleset.dump(counters))
            service = Service({"NODENAME": cluster.NODE_NAME, **mode}, "--ruleset", str(file))
            services.append(running.enter_context(service).start(wait_for=""))
        for service in services:
            service.wait(lambda service=service: answers(f"http://{service.address}/readyz"), "ready")  # type: ignore[misc]
        pages = [policy_series(service) for service in services]
    assert pages[0] == pages[1]
    assert len(pages[0]["policy_accept_counter"]) >= 3
    assert {dict(key)["pod"] for key in pages[0]["no_policy_drop_counter"]} == {"web-0", "client-0"}


@pytest.mark.slow
def test_nothing_of_it_is_loaded_in_etcd_mode(etcd: Etcd) -> None:
    script = """
import sys
from otel_calico.config import load
from otel_calico.calico.lookups import Lookups
from otel_calico.service.wiring import build_datastore
build_datastore(load({"ETCD_ENDPOINTS": sys.argv[1], "NODENAME": "n"}), Lookups())
print([name for name in sys.modules if "datastores.kubernetes" in name])
"""
    program = Program("imports")
    with program:
        program.launch([sys.executable, "-c", script, etcd.endpoint])
        program.process.wait(10)
        assert program.log == "[]\n"


def test_in_a_pod_the_server_is_the_one_kubernetes_names(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("")
    offline = {"OTEL_CALICO_IPTABLES_RULESET_FILE": str(tmp_path / "rules")}
    ours = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "NODENAME": "node-1"}
    for changes, server in (
        ({}, "https://10.96.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
        ({"K8S_API_ENDPOINT": "https://k:6443"}, "https://k:6443"),
        (offline, ""),
        ({**offline, "DATASTORE_TYPE": "kubernetes"}, "https://10.96.0.1:443"),
    ):
        assert load({**ours, **changes}).kubernetes.api_endpoint == server


def test_without_any_server_the_start_says_what_to_set() -> None:
    with pytest.raises(StartError, match="no Kubernetes API server is named: run in a pod with a service account"):
        build_datastore(load({"NODENAME": "n"}), Lookups())
    with pytest.raises(StartError, match="does not exist: check KUBECONFIG"):
        build_datastore(load({"NODENAME": "n", "KUBECONFIG": "/none"}), Lookups())


# --- real iptables ---


class ApiProgram(Program):
    """The test API server as a program inside a node."""

    def __init__(self, namespace: Namespace, objects: list[Object], *certificate_and_token: str) -> None:
        super().__init__("api-server")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        file = self.directory / "objects.json"
        file.write_text(json.dumps(objects))
        command = [sys.executable, "-m", "tests.kubernetes.api_server", str(self.port), str(file)]
        self.launch(command_in(namespace, [*command, *certificate_and_token]), {"PYTHONPATH": str(Path.cwd())})
        if not certificate_and_token:
            self.wait(
                lambda: answers(f"{self.url}/apis/networking.k8s.io", namespace=namespace), "the API server answers"
            )


@pytest.fixture(params=[(Era.A2, "legacy"), (Era.E, "nft")], ids=lambda given: f"{given[0].name}-{given[1]}")
def real(request: pytest.FixtureRequest) -> Iterator[tuple[LiveNode, Era]]:
    era, backend = request.param
    with LiveNode(backend) as live:
        for one in (WEB, CLIENT):
            live.run(one)
        yield live, era


@pytest.mark.node
def test_real_rules_give_the_same_series_as_with_etcd(real: tuple[LiveNode, Era]) -> None:
    live, era = real
    live.etcd.put_all(etcd_entries(era))
    with ApiProgram(live.namespace, api_objects(era)) as server:
        pages = []
        for mode, kubernetes in (
            ({"ETCD_ENDPOINTS": live.etcd.endpoint}, False),
            (
                {"ETCD_ENDPOINTS": "", "K8S_API_ENDPOINT": server.url},
                True,
            ),
        ):
            install(live, node(era, kubernetes=kubernetes))
            live.send({8080: 5, 9090: 3, 5353: 2, 7070: 1})
            with live.service(mode) as service:
                pages.append(policy_series(service.start()))
    assert pages[0] == pages[1]
    accepted: Mapping[Any, float] = pages[1]["policy_accept_counter"]
    assert 5 in accepted.values()


def install(live: LiveNode, described: Node) -> None:
    """Write rules in place of all that were there, with their counters at zero."""
    live.program(replace(described, endpoints=()))
    live.program(described)


@pytest.mark.node
def test_in_a_pod_nothing_but_the_node_name_need_be_set(namespace: Namespace, tmp_path: Path) -> None:
    authority, token = trustme.CA(), "token-of-the-account"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    account = "/var/run/secrets/kubernetes.io/serviceaccount"  # in the /run of the namespace
    namespace.run("mkdir", "-p", account)
    namespace.run("sh", "-c", f"cat > {account}/ca.crt", text=authority.cert_pem.bytes().decode())
    namespace.run("sh", "-c", f"cat > {account}/token", text=token)
    (tmp_path / "rules").write_text(render(node(Era.E, kubernetes=True), IPVersion.V4).dump())
    with ApiProgram(namespace, api_objects(Era.E), str(tmp_path / "server.pem"), token) as server:
        env = {
            "DATASTORE_TYPE": "kubernetes",  # else saved rules are read without asking a cluster
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(server.port),
            "NODENAME": cluster.NODE_NAME,
        }
        with Service(env, "--ruleset", str(tmp_path / "rules"), namespace=namespace) as service:
            series = policy_series(service.start())
    assert {dict(key)["pod"] for key in series["no_policy_drop_counter"]} == {"web-0", "client-0"}
