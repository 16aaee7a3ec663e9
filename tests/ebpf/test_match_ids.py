"""Match ids are those that Calico's own code computes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otel_calico.calico.chains import KIND_CODES
from otel_calico.calico.model import Direction, Verdict
from otel_calico.ebpf.match_ids import NO_PROFILE, IdForm, Owner, RulePlace, end_of_tier_id, rule_id
from tests.recordings.ebpf_states import match_ids

FORMS = {
    "v3.26.5": IdForm.WORDS,
    "v3.29.7": IdForm.WORDS,
    "v3.30.7": IdForm.LETTERS,
    "v3.31.7": IdForm.LETTERS,
    "v3.32.1": IdForm.KINDS,
}
VECTORS = match_ids()
VERDICTS = {"allow": Verdict.ALLOW, "deny": Verdict.DENY, "pass": Verdict.PASS, "next-tier": Verdict.PASS}
CODES = {kind.value: code for kind, code in KIND_CODES.items()}


def direction(word: str) -> Direction:
    return Direction.INGRESS if word.startswith("I") else Direction.EGRESS


def rules(release: str) -> Iterator[tuple[RulePlace, str, int]]:
    """Each rule with the action as that release got it, and its id."""
    for row in VECTORS[release]:
        if row[0] != "VEC":
            continue
        if FORMS[release] is IdForm.WORDS:
            _, way, action, owner, name, index, match_id, _ = row
        elif FORMS[release] is IdForm.LETTERS:
            _, way, action, owner, name, index, _, match_id, _ = row
        else:
            _, way, action, owner, kind, namespace, stored, index, _, match_id, _ = row
            parts = (CODES[kind] if owner == "P" else "", namespace, stored)
            name = "/".join(part for part in parts if part)
        belongs = Owner.POLICY if owner.startswith("Po") or owner == "P" else Owner.PROFILE
        verdict = VERDICTS.get(action, Verdict.ALLOW)
        yield RulePlace(belongs, name, direction(way), verdict, int(index)), action, int(match_id)


def test_there_are_as_many_vectors_as_were_computed() -> None:
    assert sum(map(len, VECTORS.values())) == 1596


@pytest.mark.parametrize("release", VECTORS)
def test_every_id_of_a_rule_is_the_one_that_calico_computes(release: str) -> None:
    form = FORMS[release]
    checked = 0
    for place, action, match_id in rules(release):
        if form is not IdForm.WORDS and action == "log":
            assert match_id == 0  # nothing counts it
        elif form is not IdForm.WORDS or action in {"allow", "deny", "next-tier"}:
            assert rule_id(form, place) == match_id, place
            checked += 1
    assert checked > 100


@pytest.mark.parametrize("release", ["v3.30.7", "v3.31.7", "v3.32.1"])
def test_every_id_of_an_end_of_a_tier_is_the_one_that_calico_computes(release: str) -> None:
    rows = [row for row in VECTORS[release] if row[0] == "EOT"]
    assert len(rows) == 16
    for _, way, action, tier, _, match_id, _ in rows:
        assert end_of_tier_id(FORMS[release], tier, direction(way), VERDICTS[action]) == int(match_id)


def test_up_to_v3_29_ends_of_tiers_have_no_id_of_their_own() -> None:
    assert end_of_tier_id(IdForm.WORDS, "default", Direction.INGRESS, Verdict.DENY) == NO_PROFILE
