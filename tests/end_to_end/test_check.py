"""`otel-calico check` says of a healthy node that all is well, and of a broken one what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.cluster import WEB
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.resources import endpoint, host_endpoint
from tests.felix import Era, HostEndpoint, Node
from tests.node.programs import PATH
from tests.web.site import hashed

pytestmark = pytest.mark.node

HEALTHY = """\
ok    node name          node-1 (environment NODENAME)
ok    permission         root with NET_ADMIN and NET_RAW
ok    programs           iptables-legacy-save (legacy), iptables-nft-save (nft), nft (nftables)
ok    datastore          workloadendpoints: 2 held
ok    datastore          networkpolicies, globalnetworkpolicies: not watched, not needed to name the chains of this node
ok    datastore          hostendpoints: not watched, needed for the metrics family workload only
ok    rules              {backend}, {rules}
ok    lock file          {lock}
ok    workloads          2 endpoints, every interface has its own
ok    policies           every chain has a name
"""
LOCKS = {
    "legacy": "/run/xtables.lock",
    "nft": "not needed by the nft backend",
    "nftables": "not needed by the nftables backend",
}
BACKENDS = {"legacy": "legacy backend", "nft": "nft backend", "nftables": "nftables backend over netlink"}
RULES = {
    "legacy": "93 ipv4 rules, 99 ipv6 rules",
    "nft": "93 ipv4 rules, 99 ipv6 rules",
    "nftables": "107 ipv4 rules, 113 ipv6 rules",
}
NEEDS = "run as root with capabilities NET_ADMIN and NET_RAW"
SEE = "                         → see docs/troubleshooting.md, section Rules\n"


@dataclass(frozen=True)
class Broken:
    """What is wrong, and all that must be said beside what is ok."""

    said: str
    env: Mapping[str, str] | None = None
    through: tuple[str, ...] = ()


BROKEN = {
    "another node's name": Broken(
        """\
fail  workloads          the datastore has none on node 'node-2'
                         → is the node name the one in spec.node of the endpoints? Set NODENAME
""",
        {"NODENAME": "node-2"},
    ),
    "etcd elsewhere": Broken(
        """\
fail  datastore          workloadendpoints: http://127.0.0.1:1: connection refused: is etcd running there, \
and is the port right?
                         → compare the settings with calico-node's
""",
        {"ETCD_ENDPOINTS": "http://127.0.0.1:1"},
    ),
    "no iptables": Broken(
        f"""\
warn  programs           no iptables-save, no nft
                         → if Felix writes to legacy or nft: install the packages iptables (1.8 or later) and nftables
fail  rules              no iptables-save and no nft found: install the packages iptables and nftables
{SEE}""",
        {"PATH": "/no/such/directory"},
    ),
    "no NET_RAW": Broken(
        f"""\
fail  permission         root without NET_RAW
                         → add them to securityContext.capabilities.add of the container
fail  rules              iptables-legacy-save was refused by the kernel: {NEEDS}
{SEE}""",
        through=("setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all"),
    ),
    "not root": Broken(
        f"""\
fail  permission         running as user 65534
                         → run as root: iptables-save and nft ask for uid 0
fail  rules              nft was refused by the kernel: {NEEDS}
{SEE}warn  lock file          /run/xtables.lock could not be locked within 2 s
                         → mount the host's file (hostPath, type FileOrCreate): legacy tables are zero for an \
instant on each write
""",
        through=("setpriv", "--reuid=65534", "--clear-groups"),
    ),
}


def check(
    node: LiveNode, env: Mapping[str, str] | None = None, *arguments: str, through: Sequence[str] = ()
) -> tuple[int, str]:
    """Exit code and output, errors included."""
    command = node.namespace.command(*through, sys.executable, "-m", "otel_calico", "check", *arguments)
    environment = {"PATH": PATH, **node.environment, **(env or {})}
    ended = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
    )
    return ended.returncode, ended.stdout


def wrong(said: str) -> str:
    """The output without the lines that are ok, and without the own words of iptables and nft."""
    lines = [line for line in said.splitlines(keepends=True) if not line.startswith("ok ")]
    own_words = r" \((ip6?tables\S*save v.*|Operation not permitted .*)\)$"
    return re.sub(own_words, "", "".join(lines), flags=re.MULTILINE)


def test_of_a_healthy_node_every_line_is_ok(node: LiveNode) -> None:
    assert check(node) == (
        0,
        HEALTHY.format(backend=BACKENDS[node.backend], rules=RULES[node.backend], lock=LOCKS[node.backend]),
    )


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_of_a_broken_node_it_says_what_is_wrong_and_the_remedy(legacy_node: LiveNode, broken: Broken) -> None:
    code, said = check(legacy_node, broken.env, through=broken.through)
    assert (code, wrong(said)) == (1, broken.said)


BROKEN_FILE = """\
fail  web config         {file}: tls_server_config.key_file: missing; TLS needs a certificate and its key
                         → mend the file (docs/web.md): serve does not start with it
fail  web config         {file}: basic_auth_users.prom: is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one
                         → mend the file (docs/web.md): serve does not start with it
"""


@pytest.mark.parametrize(
    ("content", "code", "finding"),
    [
        ("{}", 0, "ok    web config         {file}: everybody may ask\n"),
        (f"basic_auth_users: {{prom: {hashed('secret')}}}", 0, "ok    web config         {file}: users\n"),
        ("tls_server_config: {cert_file: tls.crt}\nbasic_auth_users: {prom: secret}", 1, BROKEN_FILE),
    ],
    ids=["nothing asked", "users", "two mistakes"],
)
def test_a_web_configuration_file_is_looked_at(
    nft_node: LiveNode, tmp_path: Path, content: str, code: int, finding: str
) -> None:
    file = tmp_path / "web.yml"
    file.write_text(content)
    ended, said = check(nft_node, None, "--web-config-file", str(file))
    assert (ended, finding.format(file=file) in said) == (code, True)


def test_an_ip_version_that_cannot_be_read_is_a_warning(nft_node: LiveNode, tmp_path: Path) -> None:
    broken = tmp_path / "ip6tables-nft-save"
    broken.write_text("#!/bin/sh\necho 'it is Tuesday' >&2; exit 3\n")
    broken.chmod(0o755)
    code, said = check(nft_node, {"PATH": f"{tmp_path}:{PATH}"})
    assert code == 0
    reason = "ip6tables-nft-save ended with exit status 3: it is Tuesday"
    assert wrong(said) == f"warn  rules              nft backend, 93 ipv4 rules, ipv6 is left out: {reason}\n{SEE}"


def test_an_interface_without_workload_is_a_warning(nft_node: LiveNode) -> None:
    key, value = endpoint(WEB)
    nft_node.etcd.delete(key)
    code, said = check(nft_node)
    nft_node.etcd.put(key, value)
    assert code == 0
    assert wrong(said).startswith(f"warn  workloads          no workload behind {WEB.interface}\n")


def test_a_node_without_workloads_is_healthy_and_its_host_endpoint_is_named_where_that_can_be_told() -> None:
    families = {"OTEL_CALICO_METRICS_FAMILIES": "policy,workload"}
    with LiveNode("nft") as node:
        node.program(Node(Era.E, (), hosts=(HostEndpoint("uplink"),)))
        said = [_about_endpoints(node, families)]
        for name in ("a", "b"):
            node.etcd.put(*host_endpoint(name, "", "192.0.2.1"))
            said.append(_about_endpoints(node, families))
        without_family = _about_endpoints(node)
    none = "ok    workloads          none on this node, and no rules for any\n"
    unnamed = "warn  host endpoints     no name for the one of uplink\n                         → "
    assert said == [
        f"{none}{unnamed}the datastore has none of this node: is the node name the one in their spec.node? \
Set NODENAME\n",
        f"{none}ok    host endpoints     a\n",
        f"{none}{unnamed}set spec.interfaceName of this node's HostEndpoints: rules do not tell their addresses\n",
    ]
    assert without_family == none


def _about_endpoints(node: LiveNode, env: Mapping[str, str] | None = None) -> str:
    code, said = check(node, env)
    assert code == 0, said
    return said[said.index("ok    workloads") : said.index("ok    policies")]
