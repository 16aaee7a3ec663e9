"""The command `otel-calico`. Each command loads its settings, sets up the log and calls one function."""

from otel_calico.cli.commands import main
from otel_calico.cli.completion import completion
from otel_calico.cli.looking import explain, report

for command in (report, explain, completion):
    main.add_command(command)

__all__ = ["main"]
