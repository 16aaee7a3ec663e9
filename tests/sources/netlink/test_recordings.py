"""What real Felix releases wrote, in the kernel again: read over netlink it is what nft lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.parse import parse
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table
from tests.recordings import NATIVE, RECORDINGS, SEQUENCES, DumpSequence, Moment, Recording
from tests.recordings.played import resources
from tests.ruleset.contents import told
from tests.sources.netlink.both_ways import Pages, listed, load_list, read

pytestmark = pytest.mark.node

_EVERY = 5
"""Of the dumps of a sequence, most of which differ from the one before by a chain or two."""

NATIVE_RECORDINGS = [each for each in RECORDINGS if each.dataplane == NATIVE]
NATIVE_SEQUENCES = [each for each in SEQUENCES if each.dataplane == NATIVE]


@pytest.mark.parametrize("recording", NATIVE_RECORDINGS, ids=str)
def test_tables_and_pages_of_both_ways_are_equal(recording: Recording, namespace: Namespace, tmp_path: Path) -> None:
    pages = Pages(namespace, tmp_path, recording.resources)
    for moment in Moment:
        for version in IPVersion:
            if moment is Moment.AFTER:
                delete_table(namespace, version.value)
            load_list(namespace, recording.dump(moment, version))
            saved = told(parse(recording.dump(moment, version)))
            assert told(read(namespace, version=version).ruleset) == told(listed(namespace, version)) == saved
        shown = pages.policy_series()
        assert shown["netlink"] == shown["nft"]
        assert "policy_accept_counter{" in shown["netlink"]


@pytest.mark.parametrize("sequence", NATIVE_SEQUENCES, ids=str)
def test_pages_of_both_ways_stay_equal_while_policies_and_pods_come_and_go(
    sequence: DumpSequence, namespace: Namespace, tmp_path: Path
) -> None:
    pages = Pages(namespace, tmp_path, resources(sequence))
    for place, dump in enumerate(sequence.dumps[::_EVERY]):
        if place:
            delete_table(namespace)
        load_list(namespace, dump)
        assert told(read(namespace).ruleset) == told(parse(dump))
        shown = pages.policy_series()
        assert shown["netlink"] == shown["nft"]
