"""Tests of settings and their sources."""
