"""Tests of the ways out: pages, pushes, health."""
