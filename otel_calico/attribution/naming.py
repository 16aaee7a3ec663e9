"""Says which policy a chain belongs to. Pure.

Best first: the naming comment of the chain's first rule (v3.22+), the NFLOG prefix (v3.30+ with flow logs), the id
in an unhashed chain name, and for the rest the datastore's policies hashed as this node's Felix hashes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otel_calico.calico.chains import IdScheme
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.policy_names import (
    PolicyName,
    ProgrammedName,
    canonical,
    from_comment,
    from_id,
    from_nflog_prefix,
    from_policy,
    says_kind,
)
from otel_calico.ruleset.ruleset import Layout

_PREFIX_LENGTH = len("cali-pi-")


@dataclass(frozen=True, slots=True)
class PolicyNaming:
    """Names policy chains of one ruleset, whose ids follow one scheme."""

    scheme: IdScheme
    tiers: Mapping[str, str]
    lookups: Lookups

    def name(self, chain: Layout) -> PolicyName | None:
        """The policy of a chain, None if nothing tells."""
        programmed = (
            _from_rules(chain, self.scheme) or self._from_unhashed_name(chain.name) or self._from_datastore(chain.name)
        )
        return canonical(programmed, self.tiers.get(chain.name)) if programmed else None

    def _from_unhashed_name(self, chain: str) -> ProgrammedName | None:
        ident = chain[_PREFIX_LENGTH:]
        return None if ident.startswith("_") else from_id(ident, self.scheme)

    def _from_datastore(self, chain: str) -> ProgrammedName | None:
        policy = self.lookups.policy(chain, self.scheme)
        return from_policy(policy) if policy else None


def id_scheme(policy_chains: Mapping[str, Layout], *, names_tiers: bool) -> IdScheme:
    """The scheme of this ruleset. `names_tiers` tells whether its endpoint chains say `Start of tier`.

    Told by the rules rather than by the cluster's version, which runs ahead of this node during an upgrade.
    """
    if not names_tiers:
        return IdScheme.NAME
    for layout in policy_chains.values():
        for with_kind in map(says_kind, _first_comments(layout)):
            if with_kind is not None:
                return IdScheme.KIND_NAME if with_kind else IdScheme.TIER_NAME
    return IdScheme.TIER_NAME


def _first_comments(chain: Layout) -> tuple[str, ...]:
    first = chain.rules[0] if chain.rules else None
    return first.comments if first else ()


def _from_rules(chain: Layout, scheme: IdScheme) -> ProgrammedName | None:
    named = next(filter(None, map(from_comment, _first_comments(chain))), None)
    if named is not None:
        return named
    prefixes = (rule.nflog_prefix for rule in chain.rules if rule and rule.nflog_prefix)
    found = (from_nflog_prefix(prefix, scheme) for prefix in prefixes)
    return next(filter(None, found), None)
