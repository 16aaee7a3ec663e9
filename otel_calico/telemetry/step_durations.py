"""The histogram of how long each step of the scans took, as all exporters declare it."""

from __future__ import annotations

NAME = "otel_calico.scan.duration"
HELP = "Time one step of a scan took."
UNIT = "s"
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)
"""Upper bounds in seconds; a warm scan takes a few milliseconds of its own, reading a large table half a second."""
