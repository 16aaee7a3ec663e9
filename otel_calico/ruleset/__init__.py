"""Reads what `iptables-save` or `nft` printed into one `Ruleset`. Pure; no I/O."""
