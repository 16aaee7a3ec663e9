"""Canonical policy names: the same on every Calico version, so that an upgrade breaks no dashboard.

| Policy | Canonical name |
|---|---|
| Kubernetes NetworkPolicy | `NAMESPACE/knp.default.NAME` |
| Calico NetworkPolicy | `NAMESPACE/TIER.NAME` |
| Calico GlobalNetworkPolicy | `TIER.NAME` |
| AdminNetworkPolicy | `kanp.adminnetworkpolicy.NAME` |
| BaselineAdminNetworkPolicy | `kbanp.baselineadminnetworkpolicy.NAME` |
| ClusterNetworkPolicy | `kcnp.TIER.NAME` |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from otel_calico.calico.chains import KIND_CODES, IdScheme, tier_of_name
from otel_calico.calico.model import Direction, Policy, PolicyKind

# An annotation of a rule, which anybody may write, is a comment `KEY=VALUE`; no name has an equals sign.
_COMMENT = re.compile(r"([A-Z][A-Za-z]*) (?:([^/ =]+)/)?([^/ =]+) (?:ingress|egress)")
_ROOM = 256  # characters that Felix leaves of a comment of iptables
_NFLOG = re.compile(r"[ADP]P[IE]\d+\|(.+)")
_HASHED_NFLOG_LENGTH = 63
_KIND_OF_CODE = {code: kind for kind, code in KIND_CODES.items()}
_CLUSTER_WIDE_CODES = {"gnp", "kcnp"}
_KIND_OF_NAME = {kind.value: kind for kind in PolicyKind}
_PREFIX_OF_KIND = {
    PolicyKind.KUBERNETES_NETWORK_POLICY: "knp.default.",
    PolicyKind.ADMIN_NETWORK_POLICY: "kanp.adminnetworkpolicy.",
    PolicyKind.BASELINE_ADMIN_NETWORK_POLICY: "kbanp.baselineadminnetworkpolicy.",
}


@dataclass(frozen=True, slots=True)
class PolicyName:
    """Who a policy is, for labels. `name` is canonical; `namespace` is empty for cluster-wide kinds."""

    name: str
    kind: PolicyKind
    namespace: str
    tier: str

    def attributes(self, direction: Direction) -> dict[str, str]:
        """What metrics say of the policy in one direction."""
        return {
            "calico.policy.name": self.name,
            "calico.policy.kind": self.kind.value,
            "calico.policy.namespace": self.namespace,
            "calico.policy.tier": self.tier,
            "calico.direction": direction.value,
        }


@dataclass(frozen=True, slots=True)
class ProgrammedName:
    """What a ruleset tells of a policy. `kind` is None where only the name was written (up to v3.31)."""

    namespace: str
    name: str
    kind: PolicyKind | None = None
    tier: str | None = None


def canonical(programmed: ProgrammedName, tier: str | None = None) -> PolicyName:
    """The canonical name. `tier` is that of the endpoint chain's block, where the policy was met there."""
    kind = _kind(programmed)
    tier = tier or programmed.tier or tier_of_name(programmed.name)
    name = programmed.name
    if kind is PolicyKind.KUBERNETES_CLUSTER_NETWORK_POLICY:
        full = f"kcnp.{tier}.{name.removeprefix('kcnp.').removeprefix(f'{tier}.')}"
    elif prefix := _PREFIX_OF_KIND.get(kind):
        full = prefix + name.removeprefix(prefix)
    elif name.startswith(("ossg.", f"{tier}.")):
        full = name
    else:
        full = f"{tier}.{name}"
    if programmed.namespace:
        full = f"{programmed.namespace}/{full}"
    return PolicyName(full, kind, programmed.namespace, tier)


def from_comment(comment: str) -> ProgrammedName | None:
    """Read the naming comment of a policy chain's first rule (v3.22+, `felix/rules/policy.go`).

    `Policy NAME ingress` up to v3.31, `KIND [NAMESPACE/]NAME ingress` from v3.32. None if it is another comment, or may
    have been cut.
    """
    match = _COMMENT.fullmatch(comment)
    if match is None or len(comment) >= _ROOM:
        return None
    word, namespace, name = match.groups()
    if word == "Policy":
        return ProgrammedName(namespace or "", name)
    kind = _KIND_OF_NAME.get(word)
    return ProgrammedName(namespace or "", name, kind) if kind else None


def says_kind(comment: str) -> bool | None:
    """Whether a naming comment tells the policy's kind, as from v3.32 on; None if it is another comment.

    It may be cut, as long ones are in nftables.
    """
    word, _, _ = comment.partition(" ")
    if word == "Policy":
        return False
    return True if word in _KIND_OF_NAME else None


def from_nflog_prefix(prefix: str, scheme: IdScheme) -> ProgrammedName | None:
    """Read the id in a policy rule's NFLOG prefix (v3.30+, `felix/rules/nflogprefix.go`); None if it is hashed."""
    match = _NFLOG.fullmatch(prefix)
    if match is None or len(prefix) >= _HASHED_NFLOG_LENGTH:
        return None
    # v3.30 and v3.31 leave the tier out of the prefix though their chain ids have it.
    return from_id(match[1], IdScheme.KIND_NAME if scheme is IdScheme.KIND_NAME else IdScheme.NAME)


def can_be_id(ident: str, scheme: IdScheme) -> bool:
    """True if a policy can have this id under the scheme. Some ids can be of two: `default/default.a`."""
    first, *rest = ident.split("/")
    if scheme is IdScheme.NAME:
        return len(rest) <= 1
    if scheme is IdScheme.TIER_NAME:
        name = rest[-1] if rest else ""
        return len(rest) in {1, 2} and first in {tier_of_name(name), name.partition(".")[0]}
    return first in _KIND_OF_CODE and len(rest) == (1 if first in _CLUSTER_WIDE_CODES else 2)


def from_id(ident: str, scheme: IdScheme) -> ProgrammedName | None:
    """Read a policy id, as it stands unhashed in a short chain name."""
    parts = ident.split("/")
    if scheme is IdScheme.NAME:
        return _namespaced(parts)
    if scheme is IdScheme.TIER_NAME:
        found = _namespaced(parts[1:])
        return found and ProgrammedName(found.namespace, found.name, tier=parts[0])
    kind = _KIND_OF_CODE.get(parts[0])
    found = _namespaced(parts[1:])
    return ProgrammedName(found.namespace, found.name, kind) if kind and found else None


def from_policy(policy: Policy) -> ProgrammedName:
    """The name of a policy of the datastore."""
    return ProgrammedName(policy.namespace, policy.stored_name, policy.kind, policy.tier)


def _namespaced(parts: list[str]) -> ProgrammedName | None:
    if not parts or len(parts) > 2 or not all(parts):
        return None
    namespace, name = ("", parts[0]) if len(parts) == 1 else parts
    return ProgrammedName(namespace, name)


def _kind(programmed: ProgrammedName) -> PolicyKind:
    # etcd holds Kubernetes policies as Calico ones named `knp.default.…`, so the name decides before the kind.
    for kind, prefix in _PREFIX_OF_KIND.items():
        if programmed.name.startswith(prefix):
            return kind
    if programmed.kind is not None:
        return programmed.kind
    return PolicyKind.NETWORK_POLICY if programmed.namespace else PolicyKind.GLOBAL_NETWORK_POLICY
