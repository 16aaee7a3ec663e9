"""The commands `report` and `explain`, for a live node or a saved ruleset."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

import click

from otel_calico.cli.options import NODE, OFFLINE, CommandParameters, config_option, setting_options
from otel_calico.cli.starting import load_settings
from otel_calico.config import Settings
from otel_calico.config.kinds import duration

_SAVED = {"iptables__ruleset_file": "--ruleset", "ebpf__state_directory": "--ebpf-state"}
_SERVERS = {
    "datastore__type": "--datastore-type",
    "etcd__endpoints": "--etcd-endpoints",
    "kubernetes__kubeconfig": "--kubeconfig",
}


def _seconds(_context: click.Context, _parameter: click.Parameter, given: str | None) -> float:
    """A duration in seconds, 0 where none is given."""
    if given is None:
        return 0.0
    kind = duration()
    try:
        return kind.parse(given)
    except ValueError as error:
        raise click.BadParameter(f'"{given}" {error}; allowed: {kind.allowed}') from None


_interval = click.option(
    "--interval", callback=_seconds, metavar="DURATION", help="Count for this long, as in 5s, and show rates too."
)


@click.command()
@click.option("--drops", is_flag=True, help="Only what was dropped or denied.")
@click.option("--unused", is_flag=True, help="Policies that decided about no packet, instead of the table.")
@click.option("--pod", default="", metavar="NS/POD", help="Only this pod or interface.")
@click.option("--namespace", default="", metavar="NAMESPACE", help="Only this namespace.")
@click.option("--policy", default="", metavar="POLICY", help="Only this policy, by its canonical or its own name.")
@_interval
@click.option("--watch", is_flag=True, help="Show it again and again, with rates, until Ctrl-C.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@config_option
@setting_options((*NODE, *OFFLINE))
def report(  # noqa: PLR0913 - a flag each
    *,
    drops: bool,
    unused: bool,
    pod: str,
    namespace: str,
    policy: str,
    interval: float,
    watch: bool,
    output: Literal["table", "json"],
    **parameters: str | None,
) -> None:
    """Show what the policies of this node decided.

    One line for each workload, direction, policy and verdict that counted packets: drops first. Works on the node, as
    root, or on saved files; the datastore is optional, as most names stand in the rules.

    \b
    Examples:
      otel-calico report --drops
      otel-calico report --pod shop/web-0 --interval 5s
      otel-calico report --watch
      otel-calico report --unused
      iptables-save -c | otel-calico report --ruleset - --output json
      otel-calico report --ebpf-state state --datastore-file resources.yaml
      otel-calico report --ruleset saved-rules.txt --datastore-file resources.yaml

    Policies see new connections, not every packet: docs/metrics.md. All settings: docs/configuration.md
    """
    if watch and output == "json":
        raise click.UsageError("--watch is for people; take --interval with --output json")
    if unused and (drops or pod or watch or interval):
        raise click.UsageError(
            "--unused is about the whole node since Felix wrote its rules; it goes with --namespace, --policy, --output"
        )
    settings = _settings(parameters, moving=bool(interval) or watch)
    from otel_calico.terminal import report as command  # noqa: PLC0415 - imports rich
    from otel_calico.terminal.rows import Selection  # noqa: PLC0415 - the same

    request = command.ReportRequest(Selection(drops, pod, namespace, policy), unused, interval, watch, output)
    sys.exit(command.run(settings, request))


@click.command()
@click.argument("target")
@_interval
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_option
@setting_options((*NODE, *OFFLINE))
def explain(*, target: str, interval: float, output: Literal["text", "json"], **parameters: str | None) -> None:
    """Show the way of a packet by TARGET: a pod (NAMESPACE/POD), an interface, a chain or a policy.

    Says first what became of them, then each tier and policy in the order a packet meets them, with what each
    accepted, denied and passed on, and what the end of the tier dropped. Works on the node, as root, or on saved files.

    \b
    Examples:
      otel-calico explain shop/web-0
      otel-calico explain shop/web-0 --interval 10s
      otel-calico explain cali0d7763386da
      otel-calico explain shop/allow-web
      otel-calico explain cali-gi-McX50CZhIOBAsdmewcz9 --ruleset saved-rules.txt

    Policies see new connections, not every packet: docs/metrics.md. All settings: docs/configuration.md
    """
    settings = _settings(parameters, moving=bool(interval))
    from otel_calico.terminal import explain as command  # noqa: PLC0415 - imports rich

    sys.exit(command.run(settings, command.ExplainRequest(target, interval, output)))


def _settings(parameters: CommandParameters, *, moving: bool) -> Settings:
    """The settings. What was saved neither moves nor has a server that knows its node."""
    saved = _given(parameters, _SAVED)
    if saved and (server := _given(parameters, _SERVERS)):
        raise click.UsageError(f"with {saved} no server is asked: leave out {server}, or give a --datastore-file")
    settings = load_settings(parameters, on_a_node=not saved)
    if moving and settings.is_saved:
        what = saved or "the saved one of the settings"
        raise click.UsageError(f"counters of a saved file do not change: leave out --interval and --watch, or {what}")
    from otel_calico import logs  # noqa: PLC0415 - structlog is not needed for help

    logs.configure("critical", settings.log.format)  # the command says itself what is wrong
    return settings


def _given(parameters: CommandParameters, flags: Mapping[str, str]) -> str | None:
    """The first of these flags that was given."""
    return next((flag for key, flag in flags.items() if parameters[key] is not None), None)
