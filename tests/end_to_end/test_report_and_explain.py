"""`report` and `explain` on a node whose kernel counts real packets."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.felix import Era
from tests.node.programs import PATH

pytestmark = pytest.mark.node

REPORT = """\
WORKLOAD       DIRECTION  TIER      POLICY                                                           VERDICT  PACKETS
default/web-0  ingress    security  security.guard                                                   deny           4  ~
default/web-0  ingress    default   default.block-9090                                               deny           3  ~
default/web-0  ingress    default   (end of tier)                                                    drop           2
default/web-0  ingress    security  security.guard                                                   pass          12
(whole node)   ingress    default   default/knp.default.allow-web                                    allow          7  *
default/web-0  ingress    default   default/knp.default.allow-web, default/knp.default.default-deny  allow          7

~ worked out from several rules: true unless Felix rewrote only some of them
* all endpoints of this node together: only that is counted
"""
EXPLAINED = """\
Packets to default/web-0: interface cali0d7763386da, chain cali-tw-cali0d7763386da
  4 packets to default/web-0 were denied by policy security.guard.
"""
BYTES = re.compile(r" +(BYTES|[\d,]+)$", re.MULTILINE)


@pytest.fixture(scope="module", params=DATAPLANES)
def node(request: pytest.FixtureRequest) -> Iterator[LiveNode]:
    """A node of its own, as counters are compared as a whole."""
    with LiveNode.of_era(Era.E, request.param) as live:
        live.send({8080: 7, 9090: 3, 5353: 2, 7070: 4})
        yield live


def command(node: LiveNode, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The command, started inside the node."""
    return subprocess.Popen(
        node.namespace.command(sys.executable, "-m", "otel_calico", *arguments),
        env={"PATH": PATH, **node.environment, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(node: LiveNode, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with command(node, *arguments, env=env) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_what_became_of_real_packets_is_reported(node: LiveNode) -> None:
    code, out, err = printed(node, "report", "--pod", "default/web-0")
    whole = printed(node, "report")[1]
    assert (code, err) == (0, "")
    only_pod = "".join(line for line in REPORT.splitlines(keepends=True) if not line.startswith(("(whole", "* all")))
    assert BYTES.sub("", out) == only_pod
    assert BYTES.sub("", whole) == REPORT


def test_what_became_of_real_packets_is_explained(node: LiveNode) -> None:
    code, out, err = printed(node, "explain", "default/web-0")
    assert (code, err) == (0, "")
    assert out.startswith(EXPLAINED)


@pytest.mark.parametrize("node", ["legacy"], indirect=True)
def test_without_its_datastore_the_rules_tell_what_they_can(node: LiveNode) -> None:
    code, out, err = printed(node, "report", "--drops", env={"ETCD_ENDPOINTS": "http://127.0.0.1:1"})
    assert code == 0
    assert err.startswith("Note: the datastore is not in sync after 5 s, so some names may be missing: ")
    assert [line.split()[:4] for line in out.splitlines()[1:4]] == [
        ["cali0d7763386da", "ingress", "security", "security.guard"],
        ["cali0d7763386da", "ingress", "default", "default.block-9090"],
        ["cali0d7763386da", "ingress", "default", "(end"],
    ]


def test_watching_shows_packets_as_they_are_dropped(node: LiveNode) -> None:
    with command(node, "report", "--watch", "--interval", "200ms", "--drops") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        next(line for line in lines if "security.guard" in line)
        node.send({7070: 5})
        moving = next(line for line in lines if "security.guard" in line and not line.rstrip().endswith(" 0"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert re.fullmatch(
        r"default/web-0 +ingress +security +security\.guard +deny +\d+ +~ +\d+ +[\d.]+ +[\d,]+\n", moving
    )
    assert process.returncode == 0
