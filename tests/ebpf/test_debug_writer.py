"""The writer of the model says of a program what Felix's own file says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_calico.ebpf.debug_file import read_debug_file
from otel_calico.ebpf.match_ids import IdForm
from otel_calico.ebpf.program import Program, ProgramRule
from tests.ebpf.debug_writer import DebugWriter
from tests.ebpf.shown import read
from tests.recordings.ebpf_states import RecordedState, states


def written(program: Program, form: IdForm) -> bytes:
    """The file of a program whose policies' rules all match some port."""
    writer = DebugWriter(form, program.key.interface)
    for tier in program.tiers:
        writer.start_tier(tier.name)
        for policy in tier.policies:
            writer.start_policy(policy.name.kind.value, policy.id_name.partition("/")[2] or policy.id_name)
            for rule in policy.rules:
                writer.rule(policy.id_name, rule.verdict, 1, rule.match_id)
            writer.end_policy()
        assert tier.end
        assert tier.end.verdict
        writer.end_tier(tier.name, tier.end.verdict, tier.end.match_id)
    for profile in program.profiles:
        for rule in profile.rules:
            writer.rule(profile.name, rule.verdict, None, rule.match_id)
    return writer.text()


def outline(program: Program) -> Iterator[object]:
    """All that is read but texts."""

    def of_rules(rules: tuple[ProgramRule, ...]) -> list[object]:
        return [(rule.match_id, rule.verdict, rule.index, rule.is_reached) for rule in rules]

    for tier in program.tiers:
        policies = [(policy.direction, of_rules(policy.rules)) for policy in tier.policies]
        yield tier.name, tier.direction, policies, tier.end
    yield [of_rules(profile.rules) for profile in program.profiles], program.has_no_profile, program.is_host


@pytest.mark.parametrize("state", states("1-before", "4-edit-after"), ids=str)
def test_a_written_file_reads_as_the_recorded_one(state: RecordedState) -> None:
    form = IdForm.WORDS if state.release == "v3.29.7" else IdForm.KINDS
    for key, program in read(state).programs.of.items():
        assert list(outline(read_debug_file(key, written(program, form)))) == list(outline(program)), key
