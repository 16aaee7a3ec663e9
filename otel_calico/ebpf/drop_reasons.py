"""The interface counters of the eBPF dataplane: which number of an entry means what.

Source: `felix/bpf/counters/counters.go` and `felix/bpf-gpl/reasons.h`, v3.26 to v3.32. New releases append. How many
there are is told by the size of the map's values, as v3.32.0 and v3.32.1 differ under one name.
"""

from __future__ import annotations

ACCEPTED = 2
"""Packets that policy was asked about and let through, profiles included."""

DROPPED_BY_POLICY = 4
"""Packets that a rule, the end of a tier or the lack of a profile dropped."""

POLICY = "policy"

DROP_REASONS = {
    DROPPED_BY_POLICY: POLICY,
    5: "short_packet",
    6: "checksum",
    7: "ip_options",
    8: "malformed",
    9: "encapsulation_failed",
    10: "decapsulation_failed",
    11: "unauthorized_source",
    12: "unknown_route",
    13: "blackhole_route",
    15: "unresolved",
    16: "conntrack_failed",
    20: "fragment_incomplete",
    21: "fragment_out_of_order",
    22: "fragment_unsupported",
    23: "packet_rate",
    25: "no_maglev_backend",
    26: "no_vxlan_host_address",
}
"""Values of `reason` by place. The other numbers count packets that were not dropped."""

LEAST_WITH_ENDS = 17
"""Counters per entry from v3.30 on, where ends of tiers have match ids of their own."""
