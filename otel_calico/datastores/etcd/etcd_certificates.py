"""The PEM certificates for a connection to etcd."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

_BUNDLE = "ca-certificates.crt"  # in the certificate directory of Debian, Alpine and similar systems


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM bytes. None: no client certificate, and for `roots` the authorities that gRPC contains."""

    roots: bytes | None
    chain: bytes | None
    key: bytes | None


def read_certificates(access: EtcdAccess) -> Certificates:
    """The certificates as they are now, so that rotated files take effect. Raises DatastoreError."""
    return Certificates(
        roots=_pem(access.ca_cert, access.ca_cert_file) or _system_roots(),
        chain=_pem(access.cert, access.cert_file),
        key=_pem(access.key, access.key_file),
    )


def _system_roots() -> bytes | None:
    paths = ssl.get_default_verify_paths()
    bundles = [Path(paths.cafile)] if paths.cafile else []
    bundles += [Path(paths.capath) / _BUNDLE] if paths.capath else []
    return next((bundle.read_bytes() for bundle in bundles if bundle.is_file()), None)


def _pem(text: str, file: str) -> bytes | None:
    if text:
        return text.encode()
    if not file:
        return None
    try:
        return read_bounded(file, LARGEST_CONFIGURATION)
    except OSError as error:
        raise DatastoreError(f"cannot read the certificate file {file}: {error.strerror}") from error
