"""A namespace's native table read in both ways: over netlink, and as `nft` lists it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import IPVersion
from otel_calico.config import load
from otel_calico.metrics import FAMILIES
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.scanning.collector import Collector
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.service.exporters import Exporters
from otel_calico.service.wiring import build_datastore, build_source, export_settings, scan_settings
from otel_calico.sources.command import Limits
from otel_calico.sources.netlink.native_table import NativeTable
from otel_calico.sources.netlink.native_tables import NativeTables
from tests.node.namespace import Namespace
from tests.node.nftables import list_table
from tests.recordings.replay import NODE_NAME

READERS = ("netlink", "nft")
_ORDER = ("table", "chain", "set", "map", "rule")


def read(namespace: Namespace, tables: NativeTables | None = None, version: IPVersion = IPVersion.V4) -> NativeTable:
    """The table over netlink."""
    table = namespace.inside(lambda: (tables or NativeTables()).read(version, Limits()))
    assert table is not None
    return table


def listed(namespace: Namespace, version: IPVersion = IPVersion.V4) -> Ruleset:
    """The table as nft lists it."""
    return parse(list_table(namespace, version.value))


def load_list(namespace: Namespace, text: str) -> None:
    """Load what `nft -j list` printed, which has maps before the chains that they lead to."""
    objects = [each for each in json.loads(text)["nftables"] if next(iter(each)) in _ORDER]
    objects.sort(key=lambda each: _ORDER.index(next(iter(each))))
    namespace.run("nft", "-j", "-f", "-", text=json.dumps({"nftables": [{"add": each} for each in objects]}))


class Pages:
    """Services of one node, which differ in how they read its native tables. Their pages come from inside it."""

    def __init__(self, namespace: Namespace, folder: Path, resources: str) -> None:
        self._namespace = namespace
        self._exporters = {reader: _exporters(folder, resources, reader) for reader in READERS}

    def policy_series(self) -> Mapping[str, str]:
        """What each shows now but for its own metrics and the times of its scans."""
        shown = {}
        for reader, exporters in self._exporters.items():
            shown[reader] = self._namespace.inside(partial(_policy_series, exporters))
        return shown


def _exporters(folder: Path, resources: str, reader: str) -> Exporters:
    file = folder / "resources.yaml"
    file.write_text(resources)
    flags = {
        "iptables.backend": "nftables",
        "iptables.nftables_reader": reader,
        "datastore.file": str(file),
        "metrics.families": ",".join(FAMILIES),
        "metrics.freshness": "0",
    }
    settings = load({"NODENAME": NODE_NAME}, flags)
    lookups = Lookups()
    datastore = build_datastore(settings, lookups)
    scanner = NodeScanner(build_source(settings.iptables, lookups), lookups, scan_settings(settings.metrics))
    datastore.start()
    return Exporters(export_settings(settings), Collector(scanner, 0), datastore.status)


def _policy_series(exporters: Exporters) -> str:
    assert exporters.page is not None
    page = exporters.page.render(TextFormat.PROMETHEUS).decode()
    own = ("otel_calico_", "process_", "python_")
    lines = (line for line in page.splitlines() if "last_hit" not in line)
    return "\n".join(line for line in lines if not line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(own))
