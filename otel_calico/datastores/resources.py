"""The JSON of Calico and Kubernetes resources as typed structs: the fields we read, all others ignored. Pure.

Sources: `libcalico-go/lib/apis/internalapi/workloadendpoint.go`, `api/pkg/apis/projectcalico/v3/*.go`, the
Kubernetes API. Every field may be missing: Go leaves out what is empty, people write what they like.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

Raw = bytes | Mapping[str, object]
"""A resource as JSON text, or as the dict that a YAML loader or a Kubernetes client made of it."""

_S = TypeVar("_S", bound=msgspec.Struct)


class InvalidResourceError(ValueError):
    """A resource that cannot be understood. The text says what is wrong where, and holds none of its values."""


class Struct(msgspec.Struct, rename="camel", frozen=True):
    """Base of the shapes: fields are camelCase in JSON."""


class OwnerReference(Struct, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Struct, frozen=True):
    name: str = ""
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: Any = None
    owner_references: list[OwnerReference] | None = None


class EndpointSpec(Struct, frozen=True):
    node: str = ""
    pod: str = ""
    interface_name: str = ""
    ip_networks: list[str] | None = None


class Endpoint(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: EndpointSpec = EndpointSpec()


class HostEndpointSpec(Struct, frozen=True):
    node: str = ""
    interface_name: str = ""
    expected_ips: list[str] | None = msgspec.field(default=None, name="expectedIPs")


class HostEndpointResource(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: HostEndpointSpec = HostEndpointSpec()


class PolicySpec(Struct, frozen=True):
    tier: str | None = None


class PolicyResource(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: PolicySpec = PolicySpec()


class TierResource(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: Struct = Struct()


class ClusterInformationSpec(Struct, frozen=True):
    calico_version: str | None = None


class ClusterInformationResource(Struct, frozen=True):
    spec: ClusterInformationSpec = ClusterInformationSpec()


class PodIP(Struct, frozen=True):
    ip: str = ""


class PodSpec(Struct, frozen=True):
    node_name: str | None = None
    host_network: bool | None = None
    service_account_name: str | None = None


class PodStatus(Struct, frozen=True):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[PodIP] | None = msgspec.field(default=None, name="podIPs")


class Pod(Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


def read(raw: Raw, shape: type[_S]) -> _S:
    """A resource in its shape. Raises InvalidResourceError."""
    try:
        if isinstance(raw, bytes):
            decoded: _S = _decoder(shape).decode(raw)
            return decoded
        return msgspec.convert(raw, shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidResourceError(str(error)) from None


@cache
def _decoder(shape: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)
