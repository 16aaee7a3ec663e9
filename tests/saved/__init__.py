"""Saved output of commands, as people mail it."""
