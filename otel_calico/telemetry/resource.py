"""The OpenTelemetry resource: service instance and node."""

from __future__ import annotations

import socket
import uuid

from opentelemetry.sdk.resources import Resource

from otel_calico import __version__
from otel_calico.telemetry.export_settings import ExportSettings

_INSTANCES = uuid.uuid5(uuid.NAMESPACE_DNS, "otel-calico")


def build_resource(settings: ExportSettings) -> Resource:
    """The service's own attributes; those of the settings (`OTEL_RESOURCE_ATTRIBUTES`) win over them.

    `service.instance.id` is a UUID made of service and node name: one instance runs per node, and a restart of it
    goes on with the same streams. `service.name` of the settings wins over one among the attributes, as the
    specification has `OTEL_SERVICE_NAME` win.
    """
    own = {
        "service.version": __version__,
        "service.instance.id": str(uuid.uuid5(_INSTANCES, f"{settings.service_name}/{settings.node_name}")),
        "k8s.node.name": settings.node_name,
        "host.name": socket.gethostname(),
    }
    named = {**own, **settings.resource_attributes, "service.name": settings.service_name}
    return Resource.create(dict(named))
