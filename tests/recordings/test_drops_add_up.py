"""What every dropping rule of Calico's chains counted is in exactly one drop number of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from otel_calico.calico.model import IPVersion
from tests.recordings import RECORDINGS, Moment, Recording
from tests.recordings.gained import dropped, policies
from tests.recordings.recording import NATIVE

_DROP = re.compile(r"^\[(\d+):\d+\] -A cali-\S+ .*-j (?:DROP|REJECT)\b", re.MULTILINE)


@pytest.mark.parametrize("recording", RECORDINGS, ids=str)
def test_what_all_dropping_rules_counted_is_what_the_drop_numbers_say(recording: Recording) -> None:
    denied = sum(packets for key, packets in policies(recording).items() if key.endswith("|deny"))
    counted = _counted(recording, Moment.AFTER) - _counted(recording, Moment.BEFORE)
    assert counted > 0
    assert denied + dropped(recording).total() == counted


def _counted(recording: Recording, moment: Moment) -> int:
    dumps = (recording.dump(moment, version) for version in IPVersion)
    return sum(sum(_native(dump) if recording.dataplane == NATIVE else _iptables(dump)) for dump in dumps)


def _iptables(dump: str) -> Iterator[int]:
    yield from map(int, _DROP.findall(dump))


def _native(dump: str) -> Iterator[int]:
    for entry in json.loads(dump)["nftables"]:
        rule = entry.get("rule")
        if rule and "-cali-" in rule["chain"]:
            said = {kind: value for expression in rule["expr"] for kind, value in expression.items()}
            if said.keys() & {"drop", "reject"}:
                yield said["counter"]["packets"]
