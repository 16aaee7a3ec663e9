"""The JSON of Calico and Kubernetes resources as typed structs with the fields that are read.

Sources: `libcalico-go/lib/apis/internalapi/workloadendpoint.go`, `api/pkg/apis/projectcalico/v3/*.go`, the
Kubernetes API. Every field may be missing, because Go omits empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

Raw = bytes | Mapping[str, object]
"""A resource as JSON text, or as the dict of a YAML loader."""

_S = TypeVar("_S", bound=msgspec.Struct)


class InvalidResourceError(ValueError):
    """A resource with unknown content. The text says what is wrong and where, without values of the resource."""


class ResourceStruct(msgspec.Struct, rename="camel", frozen=True):
    """Base of the structs: fields are camelCase in JSON."""


class OwnerReference(ResourceStruct, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(ResourceStruct, frozen=True):
    name: str = ""
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: Any = None
    owner_references: list[OwnerReference] | None = None


class WorkloadEndpointSpec(ResourceStruct, frozen=True):
    node: str = ""
    pod: str = ""
    workload: str = ""
    container_id: str = msgspec.field(default="", name="containerID")
    interface_name: str = ""
    ip_networks: list[str] | None = None


class WorkloadEndpointResource(ResourceStruct, frozen=True):
    metadata: Metadata = Metadata()
    spec: WorkloadEndpointSpec = WorkloadEndpointSpec()


class HostEndpointSpec(ResourceStruct, frozen=True):
    node: str = ""
    interface_name: str = ""
    expected_ips: list[str] | None = msgspec.field(default=None, name="expectedIPs")


class HostEndpointResource(ResourceStruct, frozen=True):
    metadata: Metadata = Metadata()
    spec: HostEndpointSpec = HostEndpointSpec()


class PolicySpec(ResourceStruct, frozen=True):
    tier: str | None = None


class PolicyResource(ResourceStruct, frozen=True):
    spec: PolicySpec = PolicySpec()


class ClusterInformationSpec(ResourceStruct, frozen=True):
    calico_version: str | None = None


class ClusterInformationResource(ResourceStruct, frozen=True):
    spec: ClusterInformationSpec = ClusterInformationSpec()


class PodIP(ResourceStruct, frozen=True):
    ip: str = ""


class PodSpec(ResourceStruct, frozen=True):
    node_name: str | None = None
    host_network: bool | None = None
    service_account_name: str | None = None


class PodStatus(ResourceStruct, frozen=True):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[PodIP] | None = msgspec.field(default=None, name="podIPs")


class Pod(ResourceStruct, frozen=True):
    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


def read(raw: Raw, struct: type[_S]) -> _S:
    """Decode a resource. Raises InvalidResourceError."""
    try:
        if isinstance(raw, bytes):
            decoded: _S = _decoder(struct).decode(raw)
            return decoded
        return msgspec.convert(raw, struct)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidResourceError(str(error)) from None


@cache
def _decoder(struct: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(struct)
