"""Chains of policies and profiles (`felix/rules/policy.go`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otel_calico.calico.chains import POLICY_PREFIXES, PROFILE_PREFIXES, chain_name, policy_id
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import nflog, parts
from tests.felix.description import Action, Node, Policy, PolicyRule, Profile
from tests.felix.eras import Era
from tests.felix.rule import Chain, Part, Rule


def policy_chain_name(policy: Policy, direction: Direction, era: Era) -> str:
    """The chain of a policy for one direction."""
    return chain_name(POLICY_PREFIXES[direction], policy_id(policy.resource, era.id_scheme))


def profile_chain_name(profile: Profile, direction: Direction) -> str:
    """The chain of a profile for one direction."""
    return chain_name(PROFILE_PREFIXES[direction], profile.name)


def policy_chain(node: Node, policy: Policy, direction: Direction, ip_version: IPVersion) -> Chain:
    """The rules of a policy."""
    kind = policy.kind.value if node.era >= Era.E else "Policy"
    naming = f"{kind} {policy.qualified_name(node.era)} {direction.value}"
    writer = _RuleWriter(node, direction, ip_version, "P", nflog.policy_ident(policy, node.era), naming)
    return Chain(policy_chain_name(policy, direction, node.era), writer.all(policy.rules(direction)))


def profile_chain(node: Node, profile: Profile, direction: Direction, ip_version: IPVersion) -> Chain:
    """The rules of a profile."""
    naming = f"Profile {profile.name} {direction.value}"
    writer = _RuleWriter(node, direction, ip_version, "R", profile.name, naming)
    return Chain(profile_chain_name(profile, direction), writer.all(profile.rules(direction)))


@dataclass(frozen=True, slots=True)
class _RuleWriter:
    """Writes the rules of one owner: its letter and ident stand in flow logs, `naming` is the first comment."""

    node: Node
    direction: Direction
    ip_version: IPVersion
    letter: str
    ident: str
    naming: str

    def all(self, described: tuple[PolicyRule, ...]) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for index, rule in enumerate(described):
            sources = [subnet for subnet in rule.sources if (":" in subnet) == (self.ip_version is IPVersion.V6)]
            if sources or not rule.sources:
                rules += self.source_block(sources)
                rules += self.actions(rule.action, index, self.matches(rule, sources))
        if self.node.era >= Era.B:
            while rules and rules[-1].target == parts.RETURN:
                rules.pop()
        if self.node.era >= Era.A2:
            first = rules[0] if rules else Rule()
            rules[:1] = [Rule(first.target, first.matches, (self.naming, *first.comments))]
        return tuple(rules)

    def source_block(self, sources: list[str]) -> Iterator[Rule]:
        """A rule matches one source at most; several set a scratch bit first."""
        if len(sources) > 1:
            marks = self.node.marks
            yield Rule(parts.set_masked_mark(0, marks.scratch0 | marks.scratch1))
            for subnet in sources:
                yield Rule(parts.set_mark(marks.scratch0), (parts.source(subnet),))

    def matches(self, rule: PolicyRule, sources: list[str]) -> tuple[Part, ...]:
        matches = [parts.protocol(rule.protocol)] if rule.protocol else []
        if len(sources) == 1:
            matches.append(parts.source(sources[0]))
        if rule.ports:
            matches.append(parts.destination_ports(*rule.ports))
        if len(sources) > 1:
            matches.append(parts.mark_set(self.node.marks.scratch0))
        return tuple(matches)

    def actions(self, action: Action, index: int, matches: tuple[Part, ...]) -> Iterator[Rule]:
        deny = parts.deny(self.node.deny_action, self.ip_version)
        if action is Action.LOG:
            yield Rule(parts.log("calico-packet"), matches)
            return
        if action is Action.DENY and self.node.era < Era.D:
            yield Rule(deny, matches)
            return
        marks = self.node.marks
        bit = {Action.ALLOW: marks.accept, Action.PASS: marks.pass_on, Action.DENY: marks.drop}[action]
        marked = (parts.mark_set(bit),)
        yield Rule(parts.set_mark(bit), matches)
        if self.node.flow_logs:
            prefix = nflog.rule_prefix(action, self.letter, self.direction, index, self.ident)
            yield Rule(parts.nflog(nflog.GROUPS[self.direction], prefix), marked)
        yield Rule(deny if action is Action.DENY else parts.RETURN, marked)
