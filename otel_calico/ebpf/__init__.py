"""Calico's eBPF dataplane: what Felix's programs count, and which policies the counts belong to. No I/O."""
