"""The collector hands out the rules of a scan with its series."""

from __future__ import annotations

from otel_calico.calico.model import IPVersion
from tests.attribution.node import WEB, ScannedNode, dump
from tests.sources.memory import BARE


def test_a_look_is_the_scan_itself_and_nothing_more() -> None:
    node = ScannedNode(WEB)
    node.scan(dump('[7:420] -A cali-tw-cali0d7763386da -m comment --comment "cali:AAAAAAAAAAAAAAAA" -j DROP'))

    (seen,) = node.scanner.scan().rulesets

    assert seen.ip_version is IPVersion.V4
    assert seen.ruleset.chains["cali-tw-cali0d7763386da"].packets([0]) == [7]
    assert node.scanner.scan().rulesets[0].ruleset.layouts is seen.ruleset.layouts


def test_after_a_failed_scan_there_is_nothing_to_look_at() -> None:
    node = ScannedNode(WEB)
    node.scan(dump('[7:420] -A cali-tw-cali0d7763386da -m comment --comment "cali:AAAAAAAAAAAAAAAA" -j DROP'))
    node.scan(BARE)
    assert node.scanner.scan().rulesets == ()
