"""The service works with what its DaemonSet gives it: uid 0, two capabilities, a file system it cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era

pytestmark = pytest.mark.node

SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
CAPABILITIES = f"{1 << 12 | 1 << 13:016x}"  # NET_ADMIN and NET_RAW
READ_ONLY = """
touch /run/xtables.lock
for directory in / /run /tmp; do
    mount --bind $directory $directory
done
for directory in / /run /tmp; do
    mount -o remount,bind,ro $directory
    ! touch $directory/file 2>/dev/null
done
cd "$PWD"
exec setpriv --bounding-set=-all,+net_admin,+net_raw --inh-caps=-all "$@"
"""


def test_two_capabilities_and_a_read_only_file_system_are_enough(backend: str) -> None:
    traffic = {4: SENT, 6: SENT}
    with LiveNode.of_era(Era.E, backend) as node:
        service = node.service(through=("unshare", "--mount", "sh", "-euc", READ_ONLY, "sh")).start()
        for ip_version in traffic:
            SENT.send(node, ip_version)
        page = service.scrape()
        assert {name: page[name] for name in POLICY_METRICS} == expected(Era.E, traffic, traffic)
        assert page["otel_calico_scan_unlocked"] == {frozenset(): 0}
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        own = dict(line.split(":\t", 1) for line in status.splitlines())
        assert (own["CapEff"], own["CapPrm"], own["CapBnd"]) == (CAPABILITIES,) * 3
        assert own["Uid"] == "0\t0\t0\t0"
        assert service.stop() == 0
        assert not [line for line in service.log.splitlines() if '"level": "info"' not in line]
