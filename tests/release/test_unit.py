"""The systemd unit starts the service on a host without Kubernetes, with the rights of the chart and no others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.release import manifests, only
from tests.end_to_end.cluster import NODE_NAME
from tests.end_to_end.live_node import DATAPLANES, LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.node.programs import find_program, free_port
from tests.node.service import parse_metrics
from tests.node.systemd import Systemd
from tests.node.web import answers, fetch

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "config" / "otel-calico.service"
NET_ADMIN, NET_RAW = 12, 13  # linux/capability.h
SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})


def properties() -> dict[str, list[str]]:
    """Every line of the unit, by its name."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def test_the_unit_has_the_capabilities_and_the_memory_of_the_chart() -> None:
    (container,) = only("DaemonSet", manifests())["spec"]["template"]["spec"]["containers"]
    capabilities = container["securityContext"]["capabilities"]
    assert capabilities["drop"] == ["ALL"]
    assert properties()["CapabilityBoundingSet"] == [" ".join(f"CAP_{name}" for name in capabilities["add"])]
    assert properties()["MemoryMax"] == [container["resources"]["limits"]["memory"].removesuffix("i")]


@pytest.mark.node
def test_systemd_rates_the_unit_no_worse_than_documented() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    (documented,) = re.findall(r"exposure level for otel-calico.service: ([0-9.]+)", page)
    command = [find_program("systemd-analyze"), "security", "--offline=true", "--no-pager", str(UNIT)]
    rated = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (level,) = re.findall(r"Overall exposure level for otel-calico.service: ([0-9.]+)", rated.stdout)
    assert float(level) <= float(documented)


def settings(node: LiveNode, port: int) -> str:
    """/etc/otel-calico.yaml of a host; each scrape scans."""
    return yaml.safe_dump(
        {
            "node": {"name": NODE_NAME},
            "etcd": {"endpoints": [node.etcd.endpoint]},
            "prometheus": {"port": port},
            "metrics": {"freshness": 0},
        }
    )


def rights(pid: int) -> list[str]:
    """What the kernel says of a process: user, capabilities, whether it may get more, whether calls are filtered."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    return [status[name] for name in ("Uid", "CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb", "NoNewPrivs", "Seccomp")]


def assert_nothing_to_write_to(pid: int) -> None:
    for folder in ("dev/shm", "etc", "opt/otel-calico", "run", "tmp", "var/lib", "var/tmp"):
        with pytest.raises(OSError, match="Read-only file system"):
            Path(f"/proc/{pid}/root/{folder}/file").touch()


@pytest.mark.node
@pytest.mark.parametrize("dataplane", DATAPLANES)
def test_the_unit_serves_right_numbers_with_two_capabilities_and_nothing_to_write_to(dataplane: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        LiveNode.of_era(Era.E, dataplane) as node,
        Systemd(UNIT, settings(node, port), node.namespace) as systemd,
    ):
        node.namespace.path("/run/xtables.lock").touch()
        systemd.start()
        systemd.wait(lambda: answers(f"{url}/readyz", namespace=node.namespace), "ready", seconds=30)
        traffic = {4: SENT, 6: SENT}
        for ip_version in traffic:
            SENT.send(node, ip_version)
        page = parse_metrics(fetch(f"{url}/metrics", namespace=node.namespace).text)
        assert {name: page[name] for name in POLICY_METRICS} == expected(Era.E, traffic, traffic)
        assert page["otel_calico_scan_unlocked"] == {frozenset(): 0}

        two, none = f"{1 << NET_ADMIN | 1 << NET_RAW:016x}", "0" * 16
        assert rights(systemd.main_process) == ["0\t0\t0\t0", two, two, two, none, none, "1", "2"]
        assert_nothing_to_write_to(systemd.main_process)

        systemd.ask("stop", UNIT.name)
        ended = systemd.ask("show", "--property=Result,ExecMainStatus", UNIT.name).split()
        assert ended == ["Result=success", "ExecMainStatus=0"]
        assert [line for line in systemd.service_log.splitlines() if '"level": "info"' not in line] == []
