"""Scans the node: one scan at a time, shared by all callers, counted and logged."""
