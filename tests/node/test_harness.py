"""The node of the tests behaves like a real one, and counts packets where our small kernel does."""

from __future__ import annotations

import fcntl
from dataclasses import replace

import pytest

from otel_calico.calico.model import Direction, IPVersion
from tests.felix import Endpoint, Era, Node, kubernetes_profiles, render, update
from tests.felix.example import INTERFACE, block_9090, example_endpoint, example_node, varied_node
from tests.felix.kernel import Kernel, Packet
from tests.node.iptables import BACKENDS, load, rules, save, set_counters, with_names
from tests.node.namespace import Namespace
from tests.node.pod import Pod

pytestmark = pytest.mark.node

TO_PODS = ("cali-tw-", "cali-pi-", "cali-gi-", "cali-pri-")
OTHER_INTERFACE = "cali11111111111"
OTHER_SETTINGS = replace(
    varied_node(Era.E),
    deny_action="REJECT",
    allow_action="RETURN",
    flow_logs=True,
    mark_mask=0xFF000000,
    pass_tiers=frozenset({"default"}),
)


def saved_lines(namespace: Namespace, backend: str, ip_version: int = 4) -> list[str]:
    """What is saved, without the lines that hold times and versions."""
    saved = with_names(save(namespace, backend, ip_version))
    return [line for line in saved.splitlines() if not line.startswith("#")]


def to_pods(dump: str) -> dict[str, list[str]]:
    """The rules that packets on their way to pods meet."""
    return {name: lines for name, lines in rules(dump).items() if name.startswith(TO_PODS)}


@pytest.mark.parametrize("era", [Era.A2, Era.E])
@pytest.mark.parametrize("backend", BACKENDS)
def test_packets_from_outside_are_counted_as_in_the_small_kernel(
    namespace: Namespace, outside: Pod, backend: str, era: Era
) -> None:
    node = example_node(era, INTERFACE, OTHER_INTERFACE)
    for ip_version in IPVersion:
        load(namespace, render(node, ip_version).restore(), backend, ip_version)
    with (
        Pod(namespace, INTERFACE, "10.65.0.2", "fd00:65::2", sink=(8080,)) as pod,
        Pod(namespace, OTHER_INTERFACE, "10.65.0.3", "fd00:65::3", sink=(8080,)),
    ):
        for ip_version, size in ((IPVersion.V4, 60), (IPVersion.V6, 80)):
            kernel = Kernel(render(node, ip_version))
            for port, times in ((8080, 7), (9090, 3), (5353, 2)):  # allowed, denied, met by no policy
                outside.send_udp(pod, port, times, ip_version)
                kernel.send(Packet(INTERFACE, Direction.INGRESS, port), times)
            counted = {rule: (packets, size * packets) for rule, packets in kernel.packets.items()}
            assert to_pods(save(namespace, backend, ip_version)) == to_pods(kernel.ruleset.dump(counted))


@pytest.mark.parametrize("backend", BACKENDS)
def test_pods_on_one_node_meet_egress_and_ingress_rules(namespace: Namespace, backend: str) -> None:
    node = example_node(Era.A2, INTERFACE, OTHER_INTERFACE)
    load(namespace, render(node).restore(), backend)
    with (
        Pod(namespace, INTERFACE, "10.65.0.2", "fd00:65::2", sink=(8080,)) as target,
        Pod(namespace, OTHER_INTERFACE, "10.65.0.3", "fd00:65::3") as sender,
    ):
        sender.send_udp(target, 8080, 4)
        sender.send_syn(target, 8080, 3)
        counted = rules(save(namespace, backend))
    namespace_profile_accepted = counted[f"cali-fw-{OTHER_INTERFACE}"][6]
    assert namespace_profile_accepted.startswith("[7:")
    assert "Return if profile accepted" in namespace_profile_accepted
    assert counted[f"cali-tw-{INTERFACE}"][2].startswith("[7:")
    assert counted[f"cali-tw-{INTERFACE}"][7].startswith("[4:240]")
    assert counted[f"cali-tw-{INTERFACE}"][8].startswith("[3:180]")


@pytest.mark.parametrize("ip_version", IPVersion)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_iptables_saves_is_what_felix_dumps(backend: str, ip_version: IPVersion) -> None:
    for node in (*map(varied_node, Era), OTHER_SETTINGS):
        ruleset = render(node, ip_version)
        with Namespace() as fresh:
            load(fresh, ruleset.restore(), backend, ip_version)
            assert saved_lines(fresh, backend, ip_version) == ruleset.dump().splitlines()


def test_each_node_has_an_xtables_lock_of_its_own(namespace: Namespace) -> None:
    load(namespace, render(example_node(Era.A2)).restore(), "legacy")
    take = ("flock", "--nonblock", "/run/xtables.lock", "true")
    with namespace.path("/run/xtables.lock").open() as handle, Namespace() as other:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(RuntimeError, match="flock"):
            namespace.run(*take)
        other.run(*take)


@pytest.mark.parametrize(("backend", "ip_version"), [("legacy", 4), ("legacy", 6), ("nft", 4)])
def test_counters_can_be_set(namespace: Namespace, backend: str, ip_version: int) -> None:
    ruleset = render(example_node(Era.D), IPVersion(ip_version))
    dump = ruleset.dump(dict.fromkeys(ruleset.hashes, (2**33, 2**43)))
    set_counters(namespace, dump, backend, ip_version)
    assert saved_lines(namespace, backend, ip_version) == dump.splitlines()


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_update_resets_the_counters_that_felix_would(namespace: Namespace, backend: str) -> None:
    pod, other = example_endpoint(Era.E), example_endpoint(Era.E, OTHER_INTERFACE)
    new = Endpoint("cali22222222222", profiles=kubernetes_profiles("default"))
    before = render(Node(Era.E, (pod, other)))
    after = render(Node(Era.E, (replace(pod, ingress=(block_9090(Era.E),)), new)))
    set_counters(namespace, before.dump(dict.fromkeys(before.hashes, (5, 300))), backend)
    load(namespace, update(before, after, backend), backend)

    kept = set(after.hashes) & set(before.hashes)  # a hash stands for a rule and all rules before it
    if backend == "nft":
        rewritten = [chain for name, chain in after.chains.items() if before.chains.get(name) != chain]
        kept -= {rule_hash for chain in rewritten for rule_hash in chain.hashes}
    assert saved_lines(namespace, backend) == after.dump(dict.fromkeys(kept, (5, 300))).splitlines()
