"""Turns rule readings into series values: raw, since the start, and never falling."""
