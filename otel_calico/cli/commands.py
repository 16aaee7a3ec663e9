"""The commands and their help. They import heavy modules when they run, so that `--help` is fast."""

from __future__ import annotations

import io
import sys

import click

from otel_calico import __version__
from otel_calico.cli.options import NODE, OFFLINE, config_option, setting_options
from otel_calico.cli.starting import load_settings

_REPORTING = (
    "prometheus.port",
    "prometheus.address",
    "web.config_file",
    "metrics.families",
    "telemetry.exporters",
    "otlp.endpoint",
    "otlp.protocol",
    "log.level",
    "log.format",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="otel-calico")
def main() -> None:
    """Metrics of Project Calico's policy verdicts: which policy accepted or dropped the packets of which pod.

    otel-calico runs on a Kubernetes node, reads the counters of the rules that Calico wrote into iptables or nftables,
    or of its eBPF programs, joins them with the workloads and policies of the Calico datastore, and reports them:
    scraped by Prometheus at /metrics, pushed over OTLP to a collector.

    \b
    See what it does, without a cluster:   otel-calico demo
    Find out what is missing on a node:    otel-calico check
    Run it on a node:                      otel-calico serve
    See what a node's policies decide:     otel-calico report
    Follow the packets of one pod:         otel-calico explain NAMESPACE/POD

    Every setting can be given as a flag, in the environment or in a YAML file; docs/configuration.md has them all.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot encode is shown as ?
        sys.stdout.reconfigure(errors="replace")


@main.command()
@config_option
@setting_options((*NODE, *OFFLINE, *_REPORTING))
def serve(**parameters: str | None) -> None:
    """Serve metrics of this node until told to stop.

    Needs root with NET_ADMIN and NET_RAW in the node's network namespace, and a way to the Calico datastore. On a
    node of a stock cluster the defaults do. Set first: ETCD_ENDPOINTS and its certificates if Calico keeps its data
    in etcd; NODENAME if the node's name is not its host name; OTEL_EXPORTER_OTLP_ENDPOINT to push as well.

    \b
    Examples:
      otel-calico serve
      otel-calico serve --etcd-endpoints https://10.0.0.1:2379 --config otel-calico.yaml
      OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 otel-calico serve --port 9100
      otel-calico serve --ruleset saved-rules.txt --datastore-file resources.yaml

    All settings: docs/configuration.md
    """
    settings = load_settings(parameters, on_a_node=True)
    from otel_calico.service import app  # noqa: PLC0415 - imports OpenTelemetry

    sys.exit(app.serve(settings))


@main.command()
@setting_options(_REPORTING)
def demo(**parameters: str | None) -> None:
    """Serve a recorded node whose counters move.

    Needs no root, no cluster, no datastore and no file: look at /metrics and the page, try dashboards and alerts.

    \b
    Examples:
      otel-calico demo
      otel-calico demo --port 9100 --otlp-endpoint http://localhost:4318

    All settings: docs/configuration.md
    """
    settings = load_settings(parameters, on_a_node=False)
    from otel_calico.service import app  # noqa: PLC0415 - imports OpenTelemetry

    sys.exit(app.demo(settings))


@main.command()
@config_option
@setting_options((*NODE, *_REPORTING))
def check(**parameters: str | None) -> None:
    """Find out whether this node can be reported, and what to do if not.

    Looks at the node's name, capabilities, programs, the web configuration file, the datastore, Calico's rules, the
    lock file and names. Each line is ok, warn or fail with its remedy; the exit code is 1 if one is fail. Give it the
    settings that serve would get.

    \b
    Examples:
      otel-calico check
      otel-calico check --config otel-calico.yaml

    All settings: docs/configuration.md
    """
    settings = load_settings(parameters, on_a_node=True)
    from otel_calico import check as preflight  # noqa: PLC0415 - imports the datastore's client

    sys.exit(preflight.run(settings))
