"""The path of a packet through a node's rules, with what each step counted."""
