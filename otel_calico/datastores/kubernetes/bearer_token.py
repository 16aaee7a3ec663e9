"""The bearer token. Kubelet replaces the token in the file before it expires."""

from __future__ import annotations

import threading
import time

from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

FRESH = 60.0
"""Seconds until the file is read again; kubelet replaces a token minutes before it expires."""


class BearerToken:
    """A token from a file, read again every minute, or a given token. Thread-safe."""

    def __init__(self, access: ApiAccess, fresh: float = FRESH) -> None:
        self._fresh = fresh
        self._file = access.token_file
        self._token = access.token
        self._lock = threading.Lock()
        self._read_at = -fresh

    def current(self) -> str:
        """The token, empty without one. Raises DatastoreError if the file cannot be read."""
        with self._lock:
            if self._file and time.monotonic() - self._read_at >= self._fresh:
                self._token = self._read()
                self._read_at = time.monotonic()
            return self._token

    def renewed(self, refused: str) -> bool:
        """Whether the file now has another token than the refused one."""
        if not self._file:
            return False
        with self._lock:
            self._read_at = -self._fresh
        return self.current() != refused

    def _read(self) -> str:
        try:
            token = read_bounded(self._file, LARGEST_CONFIGURATION).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", "it is not text")
            raise DatastoreError(f"cannot read the token file {self._file}: {reason}") from error
        if not token:
            raise DatastoreError(f"the token file {self._file} is empty")
        return token
