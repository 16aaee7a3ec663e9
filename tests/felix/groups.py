"""Tiers and policy groups of an endpoint (`groupPolicies` in `felix/dataplane/linux/endpoint_mgr.go`,
`PolicyGroup` in `felix/rules/endpoints.go`)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from otel_calico.calico.chains import GROUP_PREFIXES
from otel_calico.calico.model import Direction
from tests.felix import parts
from tests.felix.description import Node, Policy
from tests.felix.eras import Era
from tests.felix.policy_chains import policy_chain_name
from tests.felix.rule import Chain, Rule

_RETURN_STRIDE = 5  # a `Return on verdict` before every fifth policy
_DIRECTIONS = {Direction.INGRESS: "inbound", Direction.EGRESS: "outbound"}


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Consecutive policies of one tier with one selector."""

    tier: str
    direction: Direction
    policies: tuple[Policy, ...]

    @property
    def programmed(self) -> tuple[Policy, ...]:
        """The policies that have chains: staged ones have none."""
        return tuple(policy for policy in self.policies if not policy.staged)

    @property
    def inlined(self) -> bool:
        """True if the endpoint jumps to the policies themselves."""
        return len(self.programmed) <= 1

    def targets(self, node: Node) -> tuple[str, ...]:
        """The chains an endpoint jumps to for this group."""
        return self.members(node) if self.inlined else (self.chain_name(node.era),)

    def members(self, node: Node) -> tuple[str, ...]:
        """The chains of the group's policies."""
        limit = node.longest_policy_chain
        return tuple(policy_chain_name(policy, self.direction, node.era, limit) for policy in self.programmed)

    def chain_name(self, era: Era) -> str:
        """Name of the group's chain: a hash of its selector, direction and members, up to v3.31 also its tier."""
        head = [self.tier] if era < Era.E else []
        lines = [*head, self.policies[0].selector, _DIRECTIONS[self.direction], str(len(self.policies))]
        lines += [_member(policy, era) for policy in self.policies]
        digest = hashlib.sha3_224("".join(f"{line}\n" for line in lines).encode()).digest()
        return GROUP_PREFIXES[self.direction] + base64.urlsafe_b64encode(digest).decode()[:20]

    def chain(self, node: Node) -> Chain:
        """The group's own chain."""
        decided = node.marks.accept | node.marks.pass_on
        rules: list[Rule] = []
        for place, jump in enumerate(map(parts.jump, self.members(node))):
            if place % _RETURN_STRIDE:
                rules.append(Rule(jump, (parts.mark_clear(decided),)))
                continue
            if place:
                rules.append(Rule(parts.RETURN, (parts.mark_not_clear(decided),), ("Return on verdict",)))
            rules.append(Rule(jump))
        return Chain(self.chain_name(node.era), tuple(rules))


def tiers(node: Node, policies: tuple[Policy, ...], direction: Direction) -> Iterator[tuple[str, list[PolicyGroup]]]:
    """The tiers of an endpoint in order, with their groups. Before era C all policies are in one tier."""
    known = [policy for policy in policies if not policy.staged or node.era >= Era.D]
    for tier, members in groupby(known, key=lambda policy: policy.tier if node.era >= Era.C else "default"):
        yield tier, list(_groups(node.era, tier, direction, list(members)))


def _groups(era: Era, tier: str, direction: Direction, policies: list[Policy]) -> Iterator[PolicyGroup]:
    if era < Era.B:
        yield from (PolicyGroup(tier, direction, (policy,)) for policy in policies)
        return
    for _, members in groupby(policies, key=lambda policy: policy.selector):
        yield PolicyGroup(tier, direction, tuple(members))


def _member(policy: Policy, era: Era) -> str:
    if era < Era.E:
        return policy.qualified_name(era)
    kind = ("Staged" if policy.staged else "") + policy.kind.value
    return f"{{Name: {policy.name}, Namespace: {policy.namespace}, Kind: {kind}}}"
