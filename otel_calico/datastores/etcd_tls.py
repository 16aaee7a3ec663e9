"""The certificates for etcd: read from files at every reconnect, so that rotated ones count."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.settings import EtcdSettings
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

_BUNDLE = "ca-certificates.crt"  # in the directory of roots on Debian, Alpine and their kin


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM bytes. None: no client certificate, or for `roots` those that gRPC carries."""

    roots: bytes | None
    chain: bytes | None
    key: bytes | None


def read_certificates(settings: EtcdSettings) -> Certificates:
    """The certificates as they are now. Raises DatastoreError."""
    return Certificates(
        roots=_pem(settings.ca_cert, settings.ca_cert_file) or system_roots(),
        chain=_pem(settings.cert, settings.cert_file),
        key=_pem(settings.key, settings.key_file),
    )


def system_roots() -> bytes | None:
    """The certificate authorities that this machine trusts, if it has a list of them."""
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
