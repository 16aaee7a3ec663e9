"""What became of packets, told from the counters of rules."""
