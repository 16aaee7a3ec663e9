"""Writes a path or a policy as lines of text for `explain`."""

from __future__ import annotations

from collections.abc import Iterator

from otel_calico.calico.model import IPVersion, Verdict
from otel_calico.calico.tables_in_force import TablesInForce
from otel_calico.explain.conclusion import because_of, conclusion, traffic_of
from otel_calico.explain.counts import Count, Trust
from otel_calico.explain.path import EndpointPath, PolicyStep, PolicyTotals, ProfileStep, TierStep
from otel_calico.explain.policy_uses import PolicyUse
from otel_calico.terminal.table import MARKS, rate

_VERBS = {Verdict.ALLOW: "allowed", Verdict.DENY: "denied", Verdict.PASS: "passed on"}
_INDENT = "  "


def path_lines(path: EndpointPath, since: str, seconds: float, in_force: TablesInForce | None = None) -> Iterator[str]:
    """The way through one endpoint's chain: the conclusion first, then each step in the order a packet meets it."""
    endpoint = path.endpoint
    chain = f", chain {endpoint.chain}" if endpoint.chain else ""
    yield f"Packets {traffic_of(endpoint)}: interface {endpoint.interface}{chain}"
    yield f"{_INDENT}{conclusion(path, since, in_force)}"
    if not path.counts_anything and endpoint.ip_version is IPVersion.V6:
        return
    yield ""
    for line in _steps(path, seconds):
        yield f"{_INDENT}{line}"


def policy_lines(policy: PolicyTotals, seconds: float) -> Iterator[str]:
    """What a policy decided on the whole node."""
    kind = f"{policy.kind} " if policy.kind else ""
    table = f", {policy.key.words}" if policy.key and policy.key.words else ""
    where = f", IPv{policy.ip_version}{table}, chain {policy.chain}" if policy.chain else ""
    yield f"{kind}{policy.name}: {policy.direction.value}{where}"
    yield f"{_INDENT}{_node_counts(policy, seconds)}"
    yield from (f"{_INDENT * 2}{line}" for line in _rules(policy, seconds))


def use_line(policy: PolicyTotals, use: PolicyUse, seconds: float) -> str:
    """How often a policy, or the group it is in, accepted packets of one endpoint; of a default deny also its drops."""
    group = f" (in a group of {len(use.step.members)})" if use.step.is_group else ""
    dropped = ""
    if use.end_of_tier and policy.is_whole and not policy.verdicts:
        dropped = f", dropped at the end of the tier {_number(use.end_of_tier, seconds)}"
    return f"packets {traffic_of(use.endpoint)}{group}: {_step_counts(use.step, seconds)}{dropped}"


def _rules(policy: PolicyTotals, seconds: float) -> Iterator[str]:
    """Each rule that decides, where more than one does and they are known by their place."""
    if len(policy.rules) > 1:
        for rule in policy.rules:
            yield f"rule {rule.index} {_VERBS[rule.verdict]} {_number(rule.count, seconds)}"


def _steps(path: EndpointPath, seconds: float) -> Iterator[str]:
    if path.totals:
        yield f"accepted by policies and profiles together: {_count(path.totals.accepted, seconds)}"
        yield f"dropped by policies, ends of tiers and for want of a profile: {_count(path.totals.dropped, seconds)}"
    if path.totals and path.endpoint.traffic == "untracked":
        yield "doNotTrack policies, whose rules nothing counts:"
    for drop in path.drops:
        if drop.dropped.total.packets and drop.reason != "no_profile":
            yield f"dropped {because_of(drop)}: {_count(drop.dropped, seconds)}"
    if path.established:
        yield f"established connections, which meet no policy: {_count(path.established, seconds)}"
    for tier in path.tiers:
        yield from _tier(tier, seconds)
    if not path.tiers:
        alone = path.endpoint.key is not None and path.endpoint.key.words
        yield "no policy applies" if alone else "no policy applies: the profiles decide"
    for profile in path.profiles:
        yield _profile(profile, seconds)
    for drop in path.drops:
        if drop.reason == "no_profile":
            yield f"dropped {because_of(drop)}: {_count(drop.dropped, seconds)}"


def _tier(tier: TierStep, seconds: float) -> Iterator[str]:
    yield f"tier {tier.name}"
    for place, step in enumerate(tier.policies, 1):
        named = f"group of {len(step.members)} policies" if step.is_group else f"policy {step.name}"
        yield f"{_INDENT}{place}. {named}" + (f", chain {step.chain}" if step.chain else "")
        if counts := _step_counts(step, seconds):
            yield f"{_INDENT * 2} {counts}"
        if step.is_group:
            for member in step.members:
                yield f"{_INDENT * 2} - {member.name}: {_node_counts(member, seconds)}"
        else:
            for one in untold(step):
                yield f"{_INDENT * 2} of all endpoints: {_node_counts(one, seconds)}"
                yield from (f"{_INDENT * 2}   {line}" for line in _rules(one, seconds))
    if tier.dropped:
        yield f"{_INDENT}end of tier, dropped: {_count(tier.dropped, seconds)}"
    elif tier.drops_untold:
        yield f"{_INDENT}end of tier: what no policy decided is dropped, and nothing counts it apart"
    else:
        yield f"{_INDENT}end of tier: what no policy decided goes on"


def untold(step: PolicyStep) -> tuple[PolicyTotals, ...]:
    """The policy, where its denies or passes of this endpoint are not known."""
    return () if step.tells_all else step.members


def _step_counts(step: PolicyStep, seconds: float) -> str:
    counts = {
        "entered": step.entered,
        "accepted": step.accepted,
        "denied": step.denied,
        "passed on": step.passed,
        "denied or passed on": step.denied_or_passed,
    }
    return ", ".join(f"{verb} {_number(count, seconds)}" for verb, count in counts.items() if count is not None)


def _node_counts(policy: PolicyTotals, seconds: float) -> str:
    if policy.is_missing:
        return "its chain is missing, with all that it counted"
    if policy.unread:
        return f"{policy.unread} of its rules could not be read"
    if not policy.verdicts:
        return "has no rules that decide"
    return ", ".join(f"{_VERBS[verdict]} {_number(count, seconds)}" for verdict, count in policy.verdicts.items())


def _profile(profile: ProfileStep, seconds: float) -> str:
    entered = f"entered {_number(profile.entered, seconds)}, " if profile.entered else ""
    denied = f", denied {_number(profile.denied, seconds)}" if profile.denied else ""
    name = f"profile {profile.name}" if profile.name else "a profile"
    return f"{name}: {entered}accepted {_number(profile.accepted, seconds)}{denied}"


def _count(count: Count, seconds: float) -> str:
    packets = count.total.packets
    return f"{_number(count, seconds)} packet{'' if packets == 1 else 's'}"


def _number(count: Count, seconds: float) -> str:
    mark = "" if count.trust is Trust.EXACT else MARKS[count.trust]
    text = f"{count.total.packets:,}{mark}"
    if not seconds:
        return text
    if count.moved is None:
        return f"{text} (not known since)"
    return f"{text} (+{count.moved.packets:,}, {rate(count.moved.packets, seconds)}/s)"
