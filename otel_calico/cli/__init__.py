"""The command `otel-calico`. A command loads its settings, sets up the log and calls one function of the service."""

from otel_calico.cli.commands import main

__all__ = ["main"]
