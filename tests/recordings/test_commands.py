"""`report`, `explain` and `check` say nothing false of any recording, and of some the very words that were read."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otel_calico.cli import main
from otel_calico.config import load
from otel_calico.explain.conclusion import conclusion
from otel_calico.explain.path import EndpointTraffic
from otel_calico.terminal.open_node import open_node
from tests.recordings import RECORDINGS, Recording
from tests.recordings.gained import NOBODYS, Table, sent_drops, with_groups
from tests.recordings.saved import ENVIRONMENT, FILES, save
from tests.recordings.transcripts import KEPT, kept_transcript, transcript

pytestmark = pytest.mark.slow  # together ten seconds

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=str)

LOSS = re.compile(
    r"(?P<packets>[\d,]+) packets? .* (?:was|were) "
    r"(?:denied by policy (?P<policy>\S+)|denied by a policy of the group (?P<group>.+)"
    r"|denied by profile (?P<profile>\S+)"
    r"|dropped at the end of tier (?P<tier>[^:]+): .*)\."
)
NO_LOSS = re.compile(
    r"No packet .* (?:was dropped: (?:policies accepted (?P<accepted>[\d,]+))?(?: and )?(?:profiles accepted [\d,]+)?"
    r"|was dropped|has met its (?:policies|profiles, and no policy applies))\."
)
IN_OTHER_TABLES = re.compile(
    r"Up to (\d+) packets that came in through host endpoint node-1-ext0 \(table \w+\) may have been denied by policy "
    r"(\S+): no rule counts those of one endpoint\."
)
UNDECIDED = ("default.host-untracked|", "default.host-prednat|")
"""Policies in other tables than `filter`, where nothing counts what they left undecided."""
CHECKED = """\
ok    node name          node-1 (environment NODENAME)
ok    datastore          globalnetworkpolicies: {GlobalNetworkPolicy} held
ok    datastore          hostendpoints: {HostEndpoint} held
ok    datastore          networkpolicies: {NetworkPolicy} held
ok    datastore          workloadendpoints: {WorkloadEndpoint} held
ok    rules              file backend, N ipv4 rules, N ipv6 rules
ok    workloads          {WorkloadEndpoint} endpoints, every interface has its own
ok    host endpoints     node-1-ext0
ok    policies           every chain has a name
"""


@pytest.fixture
def folder(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which has the recording's files."""
    save(recording, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reported() -> list[dict[str, Any]]:
    """The rows of `report`."""
    result = CliRunner(env=ENVIRONMENT).invoke(main, ["report", "--output", "json", *FILES])
    assert result.exit_code == 0
    rows: list[dict[str, Any]] = json.loads(result.output)["rows"]
    return rows


def who(endpoint: str, interface: str, traffic: str) -> str:
    """An endpoint in the words of the truth."""
    if traffic and not endpoint:
        return "node"
    return f"host {interface} {traffic}" if traffic else endpoint


@every_recording
@pytest.mark.usefixtures("folder")
def test_report_says_what_was_sent(recording: Recording) -> None:
    decided, dropped, of_node = Table(), Table(), Table()
    for row in reported():
        packets = row["count"]["total"]["packets"]
        key = f"{who(row['endpoint'], row['interface'], row['traffic'])}|{row['direction']}"
        policies, verdict = ",".join(row["policies"]), row["verdict"]
        if verdict == "drop":
            key = key if row["endpoint"] else f"interface {NOBODYS}|{row['direction']}"
            key = f"node|{row['reason']} ({row['traffic']})" if row["traffic"].startswith("table") else key
            dropped[key if key.startswith("node") else f"{key}|{row['reason']} {row['tier']}".strip()] += packets
        elif row["profile"] and verdict == "deny":
            dropped[f"{key}|profile {row['profile']}"] += packets
        elif policies and row["endpoint"]:
            decided[f"{key}|{policies}|{verdict}"] += packets
        elif policies:
            of_node[f"{policies}|{row['direction']}|{verdict}"] += packets
    assert decided == with_groups(recording.truth.workloads, decided)
    assert dropped == sent_drops(recording)
    members = {member for key in decided for member in key.split("|")[2].split(",") if "," in key}
    sent = recording.truth.policies
    assert of_node == {
        key: packets for key, packets in sent.items() if key.split("|")[0] in members or key.startswith(UNDECIDED)
    }


def conclusions() -> list[tuple[EndpointTraffic, str]]:
    """What `explain` says first of each endpoint, direction and IP version."""
    with open_node(load(ENVIRONMENT)) as node:
        return [(path.endpoint, conclusion(path)) for path in node.view(node.scan()).paths()]


@every_recording
@pytest.mark.usefixtures("folder")
def test_explain_concludes_what_was_sent(recording: Recording) -> None:
    lost, accepted, possible = Table(), Table(), Table()
    for endpoint, sentence in conclusions():
        key = f"{who(endpoint.name, endpoint.interface, endpoint.traffic)}|{endpoint.direction.value}"
        loss, no_loss = LOSS.fullmatch(sentence), NO_LOSS.fullmatch(sentence)
        if unsure := IN_OTHER_TABLES.fullmatch(sentence):
            possible[f"{unsure[2]}|ingress|deny"] += number(unsure[1])
        elif loss:
            cause = f"end_of_tier {loss['tier']}" if loss["tier"] else f"{loss['policy'] or loss['group']}|deny"
            cause = f"profile {loss['profile']}" if loss["profile"] else cause
            lost[f"{key}|{cause}".replace(", ", ",")] += number(loss["packets"])
        else:
            assert no_loss, sentence
            accepted[key] += number(no_loss["accepted"] or "0")
    denied = Table({key: packets for key, packets in recording.truth.workloads.items() if key.endswith("|deny")})
    sent = with_groups(denied, (key for key in lost if key.endswith("|deny"))) + sent_drops(recording)
    sent = Table({key: packets for key, packets in sent.items() if not key.startswith(("interface ", "node|"))})
    assert {key: packets for key, packets in lost.items() if packets > sent[key]} == {}
    assert endpoints(lost) == endpoints(sent)
    assert possible == {key: packets for key, packets in recording.truth.policies.items() if key.startswith(UNDECIDED)}
    allowed = Table()
    for key, packets in recording.truth.workloads.items():
        allowed["|".join(key.split("|")[:2])] += packets if key.endswith("|allow") else 0
    assert {key: packets for key, packets in accepted.items() if packets > allowed[key]} == {}


def number(text: str) -> int:
    """A number as people read it."""
    return int(text.replace(",", ""))


def endpoints(table: Table) -> set[str]:
    """Endpoint and direction of each key."""
    return {"|".join(key.split("|")[:2]) for key in table}


@every_recording
@pytest.mark.usefixtures("folder")
def test_check_finds_nothing_to_mend(recording: Recording) -> None:
    result = CliRunner(env=ENVIRONMENT).invoke(main, ["check"])
    held = Counter(re.findall(r"^kind: (\w+)", recording.resources, re.MULTILINE))
    assert re.sub(r"\d+ (?=ipv\d rules)", "N ", result.output) == CHECKED.format(**held)
    assert result.exit_code == 0


@pytest.mark.parametrize("recording", KEPT, ids=str)
def test_the_commands_print_the_words_that_were_read(recording: Recording) -> None:
    assert transcript(recording) == kept_transcript(recording)
