"""Reads what `iptables-save` or `nft` printed into one `Ruleset`."""
