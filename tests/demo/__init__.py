"""Tests of the recorded node."""
