"""Whether Felix writes flow logs, told by its match ids: with them on (v3.30+) the ids are no plain hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otel_calico.calico.model import Verdict
from otel_calico.ebpf.match_ids import IdForm, Owner, RulePlace, rule_id
from otel_calico.ebpf.program import Program


def writes_flow_logs(programs: Iterable[Program]) -> bool | None:
    """True if some rule has another id than the computed one; None where there is no rule to tell."""
    told = [is_plain for program in programs for is_plain in _plain_ids(program)]
    return not all(told) if told else None


def _plain_ids(program: Program) -> Iterator[bool]:
    for policy in program.policies():
        form = IdForm.LETTERS if program.tells_ends else IdForm.WORDS  # those of v3.32 differ in the name alone
        for rule in policy.rules:
            if rule.verdict is Verdict.ALLOW or rule.verdict is Verdict.DENY:  # a pass has two spellings
                place = RulePlace(Owner.POLICY, policy.id_name, policy.direction, rule.verdict, rule.index)
                yield rule_id(form, place) == rule.match_id
