"""The way of a packet through a node's rules, told from their counters. Pure; for the terminal and the page alike."""
