"""Reads `iptables-save` output into one `Ruleset`. Pure; no I/O."""
