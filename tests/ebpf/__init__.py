"""The eBPF dataplane: recorded states of real Felix releases, in files and in maps of this kernel."""
