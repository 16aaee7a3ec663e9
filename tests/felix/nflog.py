"""Prefixes of NFLOG rules (`felix/rules/nflogprefix.go`, v3.30 and later)."""

from __future__ import annotations

import base64
import hashlib

from otel_calico.calico.chains import policy_id
from otel_calico.calico.model import Direction
from tests.felix.description import Action, Policy
from tests.felix.eras import Era

GROUPS = {Direction.INGRESS: 1, Direction.EGRESS: 2}

_LETTERS = {Direction.INGRESS: "I", Direction.EGRESS: "E"}
_LONGEST = 63


def rule_prefix(action: Action, owner: str, direction: Direction, index: int, ident: str) -> str:
    """Prefix of a policy's (`owner` P) or profile's (R) rule; `index` counts all its rules of the direction."""
    return shortened(f"{action.value}{owner}{_LETTERS[direction]}{index}|{ident}")


def end_of_tier_prefix(action: Action, direction: Direction, tier: str) -> str:
    """Prefix where no policy of a tier matched: DENY drops, PASS goes on."""
    return shortened(f"{action.value}P{_LETTERS[direction]}|{tier}")


def no_profile_prefix(direction: Direction) -> str:
    """Prefix where no profile matched."""
    return f"DR{_LETTERS[direction]}"


def policy_ident(policy: Policy, era: Era) -> str:
    """What stands for a policy in a prefix: its name, since v3.32 its chain id."""
    return policy_id(policy.resource, era.id_scheme) if era >= Era.E else policy.qualified_name(era)


def shortened(prefix: str) -> str:
    """A prefix within the kernel's limit: head, hash and tail if it is too long."""
    if len(prefix) < _LONGEST:
        return prefix
    digest = base64.urlsafe_b64encode(hashlib.sha256(prefix.encode()).digest()).decode()
    return f"{prefix[:10]}_{digest[:41]}_{prefix[-10:]}"
