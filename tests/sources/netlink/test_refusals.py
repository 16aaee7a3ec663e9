"""Where the kernel or the container refuses netlink, nft reads in its place, and that is said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from otel_calico.calico.model import IPVersion
from otel_calico.sources.backends import Backend
from otel_calico.sources.command import Limits
from otel_calico.sources.kernel import KernelSettings, KernelSource
from otel_calico.sources.netlink.native_tables import NativeTables
from otel_calico.sources.ruleset_source import Dump, SourceError
from tests.end_to_end.cluster import felix_node
from tests.felix import Era
from tests.felix.nftables import render_nftables
from tests.node.namespace import Namespace
from tests.node.nftables import load_table
from tests.ruleset.contents import told
from tests.sources.netlink.both_ways import listed
from tests.sources.reader import Reader, set_effective

pytestmark = pytest.mark.node

TABLE = render_nftables(felix_node(Era.E)).restore()


def test_nft_reads_what_netlink_may_not_until_it_may_again(namespace: Namespace) -> None:
    load_table(namespace, TABLE)
    now = 0.0
    source = KernelSource(KernelSettings([Backend.NFTABLES]), clock=lambda: now)
    found: list[Dump] = []

    def scans() -> None:
        nonlocal now
        set_effective(net_admin=False)
        for _ in range(3):
            found.append(source.read()[0])
            now += 31
        set_effective(net_admin=True)
        now += 61
        found.append(source.read()[0])

    with capture_logs() as logs:
        namespace.inside(scans)
    assert [dump.reader for dump in found] == ["nft", "nft", "nft", "netlink"]
    assert {dump.refusal for dump in found[:3]} == {"nftables' changes may not be listened to: Operation not permitted"}
    assert found[3].refusal == ""
    assert found[3].ruleset
    assert told(found[3].ruleset) == told(listed(namespace))
    said = [log["event"] for log in logs if log["event"].startswith("netlink")]
    assert said == ["netlink_refused", "netlink_granted"]


def test_one_capability_is_enough(namespace: Namespace) -> None:
    load_table(namespace, TABLE)

    def scan() -> str:
        set_effective(net_admin=True, others=False)
        return KernelSource(KernelSettings([Backend.NFTABLES])).read()[0].reader

    assert namespace.inside(scan) == "netlink"


def test_without_nft_a_refusal_is_a_failure_that_says_so(
    namespace: Namespace, readers: Callable[..., Reader], tmp_path: Path
) -> None:
    load_table(namespace, TABLE)
    reader = readers("nftables", path=str(tmp_path))
    answer = reader.read()
    assert answer["readers"]["4"] == "netlink"

    reader.order("renounce")
    answer = reader.read()
    assert answer["error"] == "no_permission"
    assert "not permitted" in answer["message"]
    assert "nft is not installed" in answer["message"]


def test_a_read_that_takes_too_long_is_too_large_or_is_stopped_is_no_refusal(namespace: Namespace) -> None:
    load_table(namespace, TABLE)

    def failure(limits: Limits, *, stopped: bool = False) -> str:
        tables = NativeTables()
        if stopped:
            tables.stop()
        with pytest.raises(SourceError) as failed:
            tables.read(IPVersion.V4, limits)
        return failed.value.kind

    assert namespace.inside(lambda: failure(Limits(seconds=0.0))) == "time_limit"
    assert namespace.inside(lambda: failure(Limits(octets=1000))) == "too_large"
    assert namespace.inside(lambda: failure(Limits(), stopped=True)) == "stopped"
