"""The product over saved files, put together as `serve` does it, without a server and a clock between the scans."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from otel_calico.calico.lookups import Lookups
from otel_calico.config import load
from otel_calico.metrics import FAMILIES
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.scanning.collector import Collector
from otel_calico.service.exporters import Exporters
from otel_calico.service.wiring import build_datastore, build_scanner, export_settings, scan_settings
from otel_calico.snapshot import Snapshot
from tests.recordings.recording import Moment, Recording

NODE_NAME = "node-1"
"""The node in the recordings' resources."""


class Replay:
    """Every family of metrics over one ruleset file, which `show` replaces, and one file of resources, if any."""

    def __init__(self, folder: Path, resources: str, env: Mapping[str, str] | None = None) -> None:
        self._ruleset, export = folder / "rules", folder / "resources.yaml"
        export.write_text(resources)
        flags = {
            "iptables.ruleset_file": str(self._ruleset),
            **({"datastore.file": str(export)} if resources else {}),
            "metrics.families": ",".join(FAMILIES),
            "metrics.freshness": "0",
        }
        self._ruleset.touch()
        settings = load({"NODENAME": NODE_NAME, **(env or {})}, flags)
        lookups = Lookups()
        datastore = build_datastore(settings, lookups)
        scanner = build_scanner(settings, lookups, scan_settings(settings.metrics))
        self._collector = Collector(scanner, settings.metrics.freshness)
        page = Exporters(export_settings(settings), self._collector, datastore.status).page
        assert page is not None
        self._page = page
        datastore.start()

    def show(self, dumps: str | bytes) -> None:
        """Let the next scan read these."""
        self._ruleset.write_bytes(dumps if isinstance(dumps, bytes) else dumps.encode())

    def scan(self) -> Snapshot:
        """What one scan finds."""
        return self._collector.scan().snapshot

    def page(self) -> str:
        """The page at `/metrics`, with a scan of its own."""
        return self._page.render(TextFormat.PROMETHEUS).decode()


@cache
def pages(recording: Recording) -> dict[Moment, str]:
    """The page at `/metrics` at each moment of a recording."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        replay = Replay(Path(folder), recording.resources)
        for moment in Moment:
            replay.show(recording.dumps(moment))
            found[moment] = replay.page()
    return found
