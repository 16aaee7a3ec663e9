"""Scans the node: one scan at a time, shared by all who ask, counted and logged."""
