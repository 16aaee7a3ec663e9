"""Which exporter a setting opens, and what it costs to leave it off."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otel_calico.service.exporters import Exporters
from otel_calico.telemetry.export_settings import Exporter, ExportSettings
from tests.telemetry.snapshots import Node, example

IMPORTED = """
import sys
from otel_calico.otlp.exporters import push_exporters
from otel_calico.telemetry.export_settings import Exporter, Protocol, ExportSettings
import otel_calico.service.exporters
push_exporters(ExportSettings("n", frozenset({exporters}), otlp_protocol=Protocol.HTTP_PROTOBUF))
print("grpc" in sys.modules, "requests" in sys.modules)
"""


def imported(exporters: str) -> str:
    script = IMPORTED.replace("{exporters}", exporters)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_no_transport_is_imported_while_nothing_is_pushed() -> None:
    assert imported("{Exporter.PROMETHEUS, Exporter.CONSOLE}") == "False False"


def test_grpc_is_not_imported_for_otlp_over_http() -> None:
    assert imported("{Exporter.OTLP}") == "False True"


def test_the_console_exporter_prints_policy_series_and_own_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ExportSettings("n", frozenset({Exporter.CONSOLE}), listen_address="127.0.0.1", listen_port=0)
    telemetry = Exporters(settings, Node(example()).collector)
    telemetry.start()
    telemetry.stop()
    printed = capsys.readouterr().out
    assert '"name": "calico.policy.packets"' in printed
    assert '"name": "otel_calico.scan.success"' in printed
