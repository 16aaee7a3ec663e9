"""`otel-calico completion SHELL`: prints the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_PROGRAM = "otel-calico"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion of commands and flags for a shell.

    \b
    Put into the shell's start file:
      eval "$(otel-calico completion bash)"        # ~/.bashrc, bash 4.4 or later
      eval "$(otel-calico completion zsh)"         # ~/.zshrc
      otel-calico completion fish | source         # ~/.config/fish/config.fish
    """
    found = get_completion_class(shell)
    if found is None:  # a shell that click's next release may drop
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(context.find_root().command, {}, _PROGRAM, "_OTEL_CALICO_COMPLETE").source())
