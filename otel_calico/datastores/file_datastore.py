"""The file datastore: an export of a cluster, read once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

import structlog

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import ClusterInformation, PolicyKind, Resource
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import (
    CLUSTER_INFORMATIONS,
    GLOBAL_NETWORK_POLICIES,
    NETWORK_POLICIES,
    PODS,
    POLICY_KINDS,
    WORKLOAD_ENDPOINTS,
    Decoder,
)
from otel_calico.datastores.exports import ExportedObject, ExportError, exported_objects
from otel_calico.datastores.releases import Release, parse_release, stored_name_candidates
from otel_calico.datastores.resources import InvalidResourceError
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.files import LARGEST_EXPORT, read_bounded
from otel_calico.saved.decoding import UnreadableError, decoded
from otel_calico.saved.exports import export_in

log = structlog.get_logger(__name__)

_HOW_TO_EXPORT = (
    "export one with `kubectl get pods,networkpolicies.networking.k8s.io,networkpolicies.crd.projectcalico.org,"
    "globalnetworkpolicies.crd.projectcalico.org,hostendpoints.crd.projectcalico.org,"
    "clusterinformations.crd.projectcalico.org -A -o yaml`, or from etcd with "
    "`etcdctl get --prefix /calico/resources/v3/projectcalico.org/`"
)


class FileDatastore:
    """Fills the lookups from a file, or from standard input for `-`; without a node name with all nodes."""

    def __init__(self, path: str, node_name: str | None, interface_prefix: str, lookups: Lookups) -> None:
        self._path = path
        self._node_name = node_name
        self._interface_prefix = interface_prefix
        self._lookups = lookups
        self._kinds: dict[str, KindStatus] = {}

    def start(self) -> None:
        """Read the file. Raises DatastoreError if it cannot be read or has no workloads and policies."""
        try:
            objects = exported_objects(export_in(self._read()))
        except ExportError as error:
            raise DatastoreError(f"{self._path} is no datastore export: {error}; {_HOW_TO_EXPORT}") from error
        if not any(one.kind in (WORKLOAD_ENDPOINTS, PODS, *POLICY_KINDS) for one in objects):
            raise DatastoreError(f"{self._path} holds no workloads and no policies; {_HOW_TO_EXPORT}")
        self._load(objects)

    def stop(self) -> None:
        """Do nothing."""

    def need(self, policies: Collection[PolicyKind]) -> None:
        """Do nothing: the file is read completely."""

    def status(self) -> DatastoreStatus:
        """In sync after the start. `held` counts objects of the file, not the names tried for each."""
        return DatastoreStatus(self._kinds)

    def _read(self) -> str:
        try:
            return decoded(read_bounded(self._path, LARGEST_EXPORT), LARGEST_EXPORT, strict=True)
        except OSError as error:
            raise DatastoreError(f"cannot read {self._path}: {error.strerror}") from error
        except UnreadableError as error:
            raise DatastoreError(f"{self._path} {error}; {_HOW_TO_EXPORT}") from error

    def _load(self, objects: Sequence[ExportedObject]) -> None:
        release = _release(objects)
        decoder = Decoder(self._node_name, self._interface_prefix, release)
        resources: dict[str, dict[str, Resource]] = defaultdict(dict)
        invalid, held = Counter[str](), Counter[str]()
        for one in objects:
            try:
                found = [(key, decoder.decode(one.kind, key, one.raw)) for key in _keys(one, release)]
            except InvalidResourceError as error:
                invalid[one.kind] += 1
                log.warning("resource_invalid", kind=one.kind, key=f"{one.namespace}/{one.name}", reason=str(error))
                continue
            for rank, (key, resource) in enumerate(found, 1):
                if resource is not None and (rank == len(found) or key not in resources[one.kind]):
                    resources[one.kind][key] = resource
            held[one.kind] += found[-1][1] is not None
        for kind in sorted(
            {one.kind for one in objects}, key=lambda kind: (kind != PODS, kind)
        ):  # endpoints override pods
            self._lookups.replace(kind, resources[kind])
            self._kinds[kind] = KindStatus(in_sync=True, connected=True, held=held[kind], decode_failures=invalid[kind])


def _keys(one: ExportedObject, release: Release | None) -> Iterator[str]:
    """Every key that an object may have in the datastore, the most likely one last."""
    may_differ = one.visible_name and one.kind in (NETWORK_POLICIES, GLOBAL_NETWORK_POLICIES)
    names = stored_name_candidates(one.name, release) if may_differ else (one.name,)
    for name in names:
        yield f"{one.namespace}/{name}" if one.namespace else name


def _release(objects: Sequence[ExportedObject]) -> Release | None:
    for one in objects:
        if one.kind == CLUSTER_INFORMATIONS:
            try:
                information = Decoder(None).decode(one.kind, one.name, one.raw)
            except InvalidResourceError:
                continue
            if isinstance(information, ClusterInformation):
                return parse_release(information.calico_version)
    return None
