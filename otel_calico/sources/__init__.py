"""Where rulesets come from: the kernel through `iptables-save`, or a saved file."""
