"""Chains of policies and profiles (`felix/rules/policy.go`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from otel_calico.calico.chains import MAX_CHAIN_NAME, POLICY_PREFIXES, PROFILE_PREFIXES, chain_name, policy_id
from otel_calico.calico.model import Direction, IPVersion
from tests.felix import nflog, parts
from tests.felix.description import Action, Node, Policy, PolicyRule, Profile
from tests.felix.eras import Era
from tests.felix.rule import Chain, Part, Rule


def policy_chain_name(policy: Policy, direction: Direction, era: Era, limit: int = MAX_CHAIN_NAME) -> str:
    """The chain of a policy for one direction."""
    return chain_name(POLICY_PREFIXES[direction], policy_id(policy.resource, era.id_scheme), limit)


def profile_chain_name(profile: Profile, direction: Direction, limit: int) -> str:
    """The chain of a profile for one direction."""
    return chain_name(PROFILE_PREFIXES[direction], profile.name, limit)


def policy_chain(node: Node, policy: Policy, direction: Direction, ip_version: IPVersion) -> Chain:
    """The rules of a policy."""
    kind = policy.kind.value if node.era >= Era.E else "Policy"
    naming = f"{kind} {policy.qualified_name(node.era)} {direction.value}"
    writer = _RuleWriter(node, direction, ip_version, "P", nflog.policy_ident(policy, node.era), naming)
    name = policy_chain_name(policy, direction, node.era, node.longest_policy_chain)
    return Chain(name, writer.all(policy.rules(direction)))


def profile_chain(node: Node, profile: Profile, direction: Direction, ip_version: IPVersion) -> Chain:
    """The rules of a profile."""
    naming = f"Profile {profile.name} {direction.value}"
    writer = _RuleWriter(node, direction, ip_version, "R", profile.name, naming)
    name = profile_chain_name(profile, direction, node.longest_policy_chain)
    return Chain(name, writer.all(profile.rules(direction)))


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
            other_icmp = self.ip_version is IPVersion.V6 and rule.protocol == "icmp"
            if (sources or not rule.sources) and not other_icmp:
                written = [*self.source_block(sources), *self.actions(rule.action, index, self.matches(rule, sources))]
                rules += [replace(each, comments=rule.annotations) for each in written]
        if self.node.era >= Era.B:
            while rules and rules[-1].target == parts.RETURN:
                rules.pop()
        if self.node.era >= Era.A2:
            first = rules[0] if rules else Rule()
            rules[:1] = [Rule(first.target, first.matches, (*first.comments, self.naming))]
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
        if rule.source_selector:
            matches.append(parts.source_in_set(rule.source_selector, self.ip_version))
        if rule.ports:
            matches.append(parts.destination_ports(*rule.ports))
        if rule.icmp_type is not None:
            matches.append(parts.icmp_type(rule.icmp_type))
        if len(sources) > 1:
            matches.append(parts.mark_set(self.node.marks.scratch0))
        return tuple(matches)

    def actions(self, action: Action, index: int, matches: tuple[Part, ...]) -> Iterator[Rule]:
        deny = parts.deny(self.node.deny_action, self.ip_version)
        if action is Action.LOG:
            old_native = self.node.native and self.node.era < Era.D
            yield Rule(parts.log("calico-packet" if old_native else "calico-packet: "), matches)
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
