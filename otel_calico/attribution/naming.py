"""Says which policy a chain belongs to.

Best first: the id in an unhashed chain name, which nobody but Felix writes; the naming comment of the chain's first
rule (v3.22+), where it stands last; the NFLOG prefix (v3.30+ with flow logs); and for the rest the datastore's
policies hashed as this node's Felix hashes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from otel_calico.calico.chains import IdScheme, programmed_name, tier_of_name
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind
from otel_calico.calico.policy_names import (
    ProgrammedName,
    can_be_id,
    from_comment,
    from_id,
    from_nflog_prefix,
    from_policy,
    says_kind,
)
from otel_calico.ruleset.ruleset import Layout

_PREFIX_LENGTH = len("cali-pi-")
_CALICO_KINDS = frozenset({PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY})
_KUBERNETES_KINDS = {
    "default": PolicyKind.KUBERNETES_NETWORK_POLICY,
    "adminnetworkpolicy": PolicyKind.ADMIN_NETWORK_POLICY,
    "baselineadminnetworkpolicy": PolicyKind.BASELINE_ADMIN_NETWORK_POLICY,
    "kube-admin": PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY,
    "kube-baseline": PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY,
}
"""Kinds of Kubernetes by their tier (`libcalico-go/lib/clientv3/client.go`); Calico's own kinds may be in any tier."""


@dataclass(frozen=True, slots=True)
class NamedChain:
    """A policy as its chain names it, and the tier that the name itself tells; empty where it does not.

    `is_stored`: the name is the datastore's, as the ruleset does not tell it.
    """

    programmed: ProgrammedName
    tier: str
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class PolicyNaming:
    """Names policy chains of one ruleset, whose ids mostly follow one scheme."""

    scheme: IdScheme
    lookups: Lookups

    def name(self, chain: Layout) -> NamedChain | None:
        """The policy of a chain, None if nothing tells."""
        return self._from_unhashed_name(chain.name) or self._from_rules(chain) or self._from_datastore(chain.name)

    def possible_kinds(self, tier: str | None) -> Set[PolicyKind]:
        """The kinds that a policy may be of whose name only the datastore can tell; its tier may be unknown."""
        if self.scheme is IdScheme.NAME:
            return _CALICO_KINDS | {PolicyKind.KUBERNETES_NETWORK_POLICY}
        return _CALICO_KINDS | {kind for of, kind in _KUBERNETES_KINDS.items() if not tier or tier == of}

    def stored_tier(self, chain: str) -> str:
        """The tier that the datastore has for the policy of a chain; empty where it has none."""
        policy = self.lookups.policy(chain, self.scheme)
        return policy.tier if policy else ""

    def _from_unhashed_name(self, chain: str) -> NamedChain | None:
        ident = _unhashed(chain)
        # While Felix is upgraded, chains of another scheme may be left: of the next one rather than of one long past.
        schemes = (self.scheme, *reversed(IdScheme))
        scheme = next((one for one in schemes if can_be_id(ident, one)), self.scheme)
        programmed = from_id(ident, scheme) if ident else None
        return NamedChain(programmed, _tier(programmed, scheme)) if programmed else None

    def _from_rules(self, chain: Layout) -> NamedChain | None:
        if named := from_comment(_naming_comment(chain)):
            without_kind = IdScheme.NAME if self.scheme is IdScheme.NAME else IdScheme.TIER_NAME
            return NamedChain(named, _tier(named, IdScheme.KIND_NAME if named.kind else without_kind))
        prefixes = (rule.nflog_prefix for rule in chain.rules if rule and rule.nflog_prefix)
        found = next(filter(None, (from_nflog_prefix(prefix, self.scheme) for prefix in prefixes)), None)
        return NamedChain(found, _tier(found, self.scheme)) if found else None

    def _from_datastore(self, chain: str) -> NamedChain | None:
        policy = self.lookups.policy(chain, self.scheme)
        if policy is None:
            return None
        by_name = ProgrammedName(policy.namespace, programmed_name(policy, self.scheme), policy.kind)
        return NamedChain(from_policy(policy), _tier(by_name, self.scheme), is_stored=True)


def _tier(programmed: ProgrammedName, scheme: IdScheme) -> str:
    """v3.29 to v3.31 take a policy's tier from its name; later names do not tell, but Kubernetes' have no other."""
    if programmed.tier:
        return programmed.tier
    if scheme is IdScheme.TIER_NAME:
        return tier_of_name(programmed.name)
    is_kubernetes = programmed.kind is PolicyKind.KUBERNETES_NETWORK_POLICY
    return "default" if is_kubernetes and scheme is IdScheme.KIND_NAME else ""


def id_scheme(policy_chains: Mapping[str, Layout], *, names_tiers: bool) -> IdScheme:
    """The scheme of this ruleset. `names_tiers` tells whether its endpoint chains say `Start of tier`.

    Told by the rules rather than by the cluster's version, which runs ahead of this node during an upgrade: by the
    chains' own names where they can be read one way only, else by what most naming comments say.
    """
    if not names_tiers:
        return IdScheme.NAME
    told = Counter(_schemes_of_names(policy_chains)) or Counter(_schemes_of_comments(policy_chains.values()))
    return max(told, key=lambda scheme: told[scheme], default=IdScheme.TIER_NAME)


def is_named(chain: Layout) -> bool:
    """True if the chain has a naming comment, as all policy chains from v3.22 on."""
    return says_kind(_naming_comment(chain)) is not None


def _schemes_of_names(chains: Iterable[str]) -> Iterable[IdScheme]:
    for ident in filter(None, map(_unhashed, chains)):
        can_be = [scheme for scheme in (IdScheme.TIER_NAME, IdScheme.KIND_NAME) if can_be_id(ident, scheme)]
        if len(can_be) == 1:
            yield can_be[0]


def _schemes_of_comments(chains: Iterable[Layout]) -> Iterable[IdScheme]:
    for with_kind in map(says_kind, map(_naming_comment, chains)):
        if with_kind is not None:
            yield IdScheme.KIND_NAME if with_kind else IdScheme.TIER_NAME


def _unhashed(chain: str) -> str:
    """The id in the chain's name, empty where it is hashed."""
    ident = chain[_PREFIX_LENGTH:]
    return "" if ident.startswith("_") else ident


def _naming_comment(chain: Layout) -> str:
    """Where Felix puts it: the last comment of the first rule, after the annotations of the policy's rule."""
    first = chain.rules[0] if chain.rules else None
    return first.comments[-1] if first and first.comments else ""
