"""The page at `/` for people: what runs here, and is it well. Pure."""

from __future__ import annotations

from html import escape

from otel_calico import __version__
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.series import Snapshot
from otel_calico.telemetry.health import missing

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>otel-calico on {node}</title>
<style>
body {{ font-family: sans-serif; margin: 2em auto; max-width: 50em; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 0.2em 1.5em 0.2em 0; vertical-align: top; }}
</style>
</head>
<body>
<h1>otel-calico on {node}</h1>
<p>{state}</p>
<table>
{rows}
</table>
<p><a href="/metrics">metrics</a> · <a href="/readyz">readiness</a> · <a href="/healthz">health</a></p>
</body>
</html>
"""


def index_html(node_name: str, snapshot: Snapshot, status: DatastoreStatus) -> str:
    """The whole page."""
    lines = missing(status, snapshot)
    series = sum(len(readings.series.labels) for readings in snapshot.readings)
    facts = {
        "Version": __version__,
        "Backend": snapshot.report.backend or "none found",
        "Rules read": ", ".join(f"{count} {family}" for family, count in snapshot.report.rules.items()) or "none",
        "Series": str(series),
    }
    facts |= {f"Datastore: {name}": _describe(kind) for name, kind in status.kinds.items()}
    return _PAGE.format(
        node=escape(node_name),
        state="<br>".join(escape(line) for line in lines) or "Ready.",
        rows="\n".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()),
    )


def _describe(kind: KindStatus) -> str:
    if not kind.in_sync:
        return "not listed yet"
    watched = "watched" if kind.connected else "not watched now"
    return f"{kind.held} held, {watched}"
