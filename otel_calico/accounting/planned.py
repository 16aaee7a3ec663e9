"""What the accounts of one scan are given. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.accounting.scan_times import ScanTimes
from otel_calico.model import IPVersion
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.verdicts.plan import RulesetPlan


@dataclass(frozen=True, slots=True)
class PlannedRuleset:
    """The ruleset of one IP version in one scan with its plan, and the ruleset of the scan before."""

    ip_version: IPVersion
    plan: RulesetPlan
    ruleset: Ruleset
    before: Ruleset
    times: ScanTimes
