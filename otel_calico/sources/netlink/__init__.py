"""Reads table `calico` of nftables from the kernel itself: rules and counters over netlink, without a program."""
