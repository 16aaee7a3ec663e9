"""Settings of how the node's rules are read, whichever dataplane wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from otel_calico.config import kinds
from otel_calico.config.option import setting


@dataclass(frozen=True, slots=True)
class IptablesSettings:
    """How the node's rulesets are read. Times are in seconds."""

    backend: Literal["auto", "legacy", "nft", "nftables"] = setting(
        kinds.choice("auto", "legacy", "nft", "nftables"),
        "auto",
        "Which iptables Felix writes to, or nftables for its native nftables dataplane; auto finds out.",
        flag="--iptables-backend",
        env=("FELIX_IPTABLESBACKEND",),
    )
    nftables_mode: Literal["Auto", "Enabled", "Disabled"] = setting(
        kinds.choice("Auto", "Enabled", "Disabled"),
        "Auto",
        "Whether Felix runs its native nftables dataplane; Auto looks for it, whichever iptables is set.",
        env=("FELIX_NFTABLESMODE",),
    )
    nftables_reader: Literal["netlink", "nft"] = setting(
        kinds.choice("netlink", "nft"),
        "netlink",
        "How native nftables is read: from the kernel itself, or as nft prints it, at many times the cost.",
    )
    tables: tuple[Literal["filter", "raw", "mangle"], ...] = setting(
        kinds.choices("filter", "raw", "mangle"),
        ("filter",),
        "Which tables of iptables are read, with one more run of its program each: raw has doNotTrack policies and the "
        "check of reverse paths, mangle preDNAT policies. filter always is.",
    )
    ruleset_file: str = setting(
        kinds.file_or_stdin,
        "",
        "Read a saved `iptables-save -c` or `nft -j list table ip calico` instead of the node's rules.",
        flag="--ruleset",
    )
    lock_file: str = setting(
        kinds.path,
        "/run/xtables.lock",
        "The lock that writers of legacy tables hold; a read without it may see counters near zero.",
    )
    lock_wait: float = setting(kinds.duration(zero=True), 2.0, "How long to wait for that lock.")
    time_limit: float = setting(
        kinds.duration(), 8.0, "How long all runs of iptables-save or nft of one scan may take together."
    )
