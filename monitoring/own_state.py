"""The dashboard *otel-calico itself*: does it see, does it know names, what does it cost?"""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring.page import Part, filled, page
from monitoring.panels import Query, lines, number, rows
from monitoring.queries import CLUSTER, NODE, by_node, rate

TITLE = "Calico: otel-calico itself"
UID = "otel-calico-itself"


def dashboard() -> Dashboard:
    """The dashboard, built."""
    whole = page(TITLE, UID, "Scans, datastore, exports and cost of otel-calico on each node.")
    return filled(whole, _nodes(), _scans(), _rules(), _datastore(), _cost())


def _own(name: str, matchers: str = "") -> str:
    """Selector of one of the service's own metrics; their names are the same scraped and over OTLP."""
    return f"otel_calico_{name}{{{','.join(filter(None, (CLUSTER, matchers)))}}}"


def _per_node(selector: str) -> Query:
    return Query(by_node(f"max by ({NODE}) ({selector})"), "{{place}}")


def _nodes() -> Iterator[Part]:
    yield Row("Nodes")
    yield number("Nodes that report", "Instances of otel-calico.", Query(f"count({_own('build_info')})"), unit="short")
    yield number(
        "Blind",
        "Nodes whose last scan failed: drops there are not seen.",
        Query(f"count({_own('scan_success')} == 0) or vector(0)"),
        unit="short",
        bad_from=1,
    )
    unheard = f"({_own('datastore_in_sync')} == 0) or ({_own('datastore_connected')} == 0)"
    yield number(
        "Out of sync",
        "Nodes that did not list or do not watch some kind of resource.",
        Query(f"count(count by ({NODE}) ({unheard})) or vector(0)"),
        unit="short",
        bad_from=1,
    )
    unnamed = f"sum({_own('interfaces_without_workload')}) + sum({_own('chains_without_name')})"
    yield number(
        "Without name",
        "Interfaces and policy chains that the datastore does not explain.",
        Query(unnamed),
        unit="short",
        bad_from=1,
    )
    yield rows(
        "Versions",
        "Nodes by version of otel-calico.",
        Query(f"count by (version) ({_own('build_info')})"),
        {"version": "Version", "Value": "Nodes"},
    )
    yield rows(
        "Backends",
        "Nodes by where their rules are read.",
        Query(f"count by (backend) ({_own('backend_info')})"),
        {"backend": "Backend", "Value": "Nodes"},
    )
    yield rows(
        "Former backend in force",
        "Nodes whose packets also pass rules that Felix left behind when it changed its backend.",
        Query(f"count by (instance, backend) ({_own('former_backend_info')})"),
        {"instance": "Instance", "backend": "Backend", "Value": "Nodes"},
    )
    yield rows(
        "Read without the lock",
        "Nodes of legacy iptables where /run/xtables.lock could not be had.",
        Query(f"count by (instance) ({_own('scan_unlocked')} == 1)"),
        {"instance": "Instance", "Value": "Nodes"},
    )


def _scans() -> Iterator[Part]:
    yield Row("Scans")
    slow = rate(_own("scan_duration_seconds_bucket"), "le, step")
    yield lines(
        "Time by step",
        "99th percentile of all nodes.",
        Query(f"histogram_quantile(0.99, {slow})", "{{step}}"),
        unit="s",
    )
    spent = rate(_own("scan_duration_seconds_sum"), NODE)
    scans = rate(_own("scan_duration_seconds_count", 'step="read"'), NODE)
    yield lines(
        "Time of a whole scan",
        "Mean, of the ten slowest nodes.",
        Query(f"topk(10, {by_node(f'{spent} / {scans}')})", "{{place}}"),
        unit="s",
    )
    yield lines(
        "Results",
        "left_out: below MINIMUM_COUNTER; failure: with its reason.",
        Query(rate(_own("scans_total"), "result, reason"), "{{result}} {{reason}}"),
        unit="ops",
    ).span(8)
    failing = rate(_own("scans_total", 'result="failure"'), f"{NODE}, reason")
    yield lines(
        "Failures", "By node and reason.", Query(by_node(f"({failing} > 0)"), "{{place}} {{reason}}"), unit="ops"
    ).span(8)
    yield lines(
        "Since the last good scan",
        "Of the ten nodes for which it is longest.",
        Query(f"topk(10, {_per_node(_own('scan_last_success_age_seconds')).promql})", "{{place}}"),
        unit="s",
    ).span(8)


def _rules() -> Iterator[Part]:
    yield Row("Rules and series")
    yield lines(
        "Rules read", "By node.", _per_node(f"sum without (network_type) ({_own('ruleset_rules')})"), unit="short"
    ).span(8)
    yield lines(
        "Policy series",
        "By metric, all nodes.",
        Query(f"sum by (metric) ({_own('series')})", "{{metric}}"),
        unit="short",
    ).span(8)
    yield lines(
        "Series left out",
        "By metrics.series_limit.",
        Query(f"sum by (metric) ({_own('series_left_out')})", "{{metric}}"),
        unit="short",
    ).span(8)


def _datastore() -> Iterator[Part]:
    yield Row("Datastore")
    yield lines(
        "Nodes in sync",
        "By kind of resource: listed, and watched now.",
        Query(f"sum by (kind) ({_own('datastore_in_sync')})", "{{kind}} listed"),
        Query(f"sum by (kind) ({_own('datastore_connected')})", "{{kind}} watched"),
        unit="short",
    )
    yield lines(
        "Resources held",
        "By kind, on the node that holds most.",
        Query(f"max by (kind) ({_own('datastore_resources')})", "{{kind}}"),
        unit="short",
    )
    each = [("errors", "errors"), ("reconnects", "watched again"), ("decode_failures", "not understood")]
    yield lines(
        "Troubles",
        "Errors of listing and watching, watches begun again, resources not understood.",
        *[Query(rate(_own(f"datastore_{name}_total"), "kind"), f"{{{{kind}}}} {words}") for name, words in each],
        unit="ops",
    )
    yield lines(
        "Names that are missing",
        "By node: interfaces without workload, policy chains without name.",
        Query(by_node(f"max by ({NODE}) ({_own('interfaces_without_workload')} > 0)"), "{{place}} interfaces"),
        Query(by_node(f"max by ({NODE}) ({_own('chains_without_name')} > 0)"), "{{place}} chains"),
        unit="short",
    )


def _cost() -> Iterator[Part]:
    yield Row("Cost and pushes")
    ours = f"and on (job, instance) {_own('build_info')}"
    yield lines(
        "CPU",
        "Cores, of the ten dearest nodes; only where /metrics is scraped.",
        Query(f"topk(10, rate(process_cpu_seconds_total[$__rate_interval]) {ours})", "{{instance}}"),
        unit="short",
    ).span(8)
    yield lines(
        "Memory",
        "Of the ten largest; only where /metrics is scraped.",
        Query(f"topk(10, process_resident_memory_bytes {ours})", "{{instance}}"),
        unit="bytes",
    ).span(8)
    yield lines(
        "OTLP exports",
        "By result; only with OTLP.",
        Query(rate(_own("otlp_exports_total"), "result"), "{{result}}"),
        unit="ops",
    ).span(8)
