"""Hides the `rich` of the development tools (import-linter needs it) from the measured service.

structlog loads rich where it finds it, at 5 MB; what users install does not have it.
"""

raise ImportError("rich is not among the service's dependencies")
