"""The eras of Felix's rules and their mark bits.

Source: `felix/rules/endpoints.go`, `felix/rules/policy.go` and `felix/dataplane/driver.go` of each release.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from otel_calico.calico.chains import IdScheme


class Era(IntEnum):
    """Releases whose rules look alike; ordered by time."""

    A1 = 1  # v3.8 - v3.21 (comments as since v3.16.1)
    A2 = 2  # v3.22 - v3.25: naming comments, placeholder rules
    A3 = 3  # v3.26 - v3.27: deny action DROP or REJECT
    B = 4  # v3.28: policy groups, trailing RETURNs stripped
    C = 5  # v3.29: tiers
    D = 6  # v3.30 - v3.31: flow logs, drop mark, staged policies, packet rates
    E = 7  # v3.32 and later: chain ids carry the kind

    @property
    def id_scheme(self) -> IdScheme:
        """What a policy chain's name is made of."""
        if self >= Era.E:
            return IdScheme.KIND_NAME
        return IdScheme.TIER_NAME if self >= Era.C else IdScheme.NAME


DEFAULT_MARK_MASK = 0xFFFF0000


@dataclass(frozen=True, slots=True)
class Marks:
    """Bits of the packet mark by their use. `drop` is 0 where the era has none."""

    accept: int
    pass_on: int
    drop: int
    scratch0: int
    scratch1: int

    @classmethod
    def allocate(cls, era: Era, mask: int = DEFAULT_MARK_MASK) -> Marks:
        """Take the bits of `mask` from the lowest up, as Felix does. Raises ValueError if there are too few."""
        bits = [1 << place for place in range(32) if mask >> place & 1]
        uses = ["accept", "pass_on", *(["drop"] if era >= Era.D else []), "scratch0", "scratch1"]
        if len(bits) < len(uses):
            raise ValueError(f"mark mask {mask:#x} has {len(bits)} bits, Felix needs {len(uses)}")
        return cls(**{"drop": 0, **dict(zip(uses, bits, strict=False))})
