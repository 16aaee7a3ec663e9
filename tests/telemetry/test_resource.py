"""Who speaks."""

from __future__ import annotations

import uuid

from otel_calico import __version__
from otel_calico.telemetry.export_settings import ExportSettings
from otel_calico.telemetry.resource import build_resource


def test_the_resource_names_service_instance_and_node() -> None:
    attributes = build_resource(ExportSettings("node-1")).attributes
    assert attributes["service.name"] == "otel-calico"
    assert attributes["service.version"] == __version__
    assert attributes["k8s.node.name"] == "node-1"
    assert attributes["host.name"]
    assert uuid.UUID(str(attributes["service.instance.id"])).version == 5


def test_an_instance_keeps_its_id_over_restarts_and_shares_it_with_no_other_node() -> None:
    ids = [build_resource(ExportSettings(node)).attributes["service.instance.id"] for node in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_attributes_of_the_settings_win_and_the_service_name_wins_over_them() -> None:
    given = {"deployment.environment.name": "prod", "host.name": "other", "service.name": "unused"}
    attributes = build_resource(ExportSettings("n", service_name="mine", resource_attributes=given)).attributes
    assert (attributes["deployment.environment.name"], attributes["host.name"]) == ("prod", "other")
    assert attributes["service.name"] == "mine"
