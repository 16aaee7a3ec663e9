"""Hides the `psutil` of the tests from the measured service.

OpenTelemetry's SDK loads it where it finds it, at 1 MB; what users install does not have it.
"""

raise ImportError("psutil is not among the service's dependencies")
