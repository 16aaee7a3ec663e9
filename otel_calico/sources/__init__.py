"""Where rulesets come from: the kernel, by netlink or `iptables-save`, or a saved file."""
