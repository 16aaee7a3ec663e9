"""TLS context, users and headers of a web configuration file, reloaded when the file changes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from otel_calico.web.config_file import TlsConfig, WebConfig, WebConfigError, read
from otel_calico.web.tls import names_of, server_context
from otel_calico.web.users import Users

log = structlog.get_logger(__name__)

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Protection:
    """How connections and requests are guarded; without a file not at all."""

    context: ssl.SSLContext | None = None
    requires_certificate: bool = False
    allowed_names: frozenset[str] = frozenset()
    users: Users | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def accepts(self, certificate: Mapping[str, object] | None) -> bool:
        """Whether a client with this verified certificate, or without one, may ask."""
        if not self.requires_certificate:
            return True
        if certificate is None:
            return False
        return not self.allowed_names or bool(self.allowed_names & names_of(certificate))


class ProtectionFile:
    """A web configuration file with the files it names. Used by one thread once the server runs."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises WebConfigError."""
        self._path = path
        self._watched = [path]
        self._signature: Signature = ()
        self.in_effect = True
        """False while the files as they are now cannot be used, and those before them hold."""
        self._users: Users | None = None
        self.current = self._load()

    def follow(self) -> bool:
        """Read the files again if they changed; True if that changed the protection. Never raises."""
        if self._sign() == self._signature:
            return False
        try:
            self.current = self._load()
        except WebConfigError as error:
            self.in_effect = False
            log.warning("web_config_refused", file=str(self._path), problems=error.problems)
            return False
        self.in_effect = True
        log.info("web_config_loaded", file=str(self._path))
        return True

    def _load(self) -> Protection:
        # Signed before they are read: what changes meanwhile is read once more.
        self._signature = self._sign()
        config = read(self._path)
        self._watched = [self._path, *(config.tls.files if config.tls else [])]
        self._signature = self._sign()
        try:
            context = server_context(config.tls) if config.tls else None
        except ValueError as error:
            raise WebConfigError(self._path, str(error).splitlines()) from None
        self._users = self._users_of(config)
        return _protection(config, config.tls, context, self._users)

    def _users_of(self, config: WebConfig) -> Users | None:
        """The former ones if they are the same: who got in need not pay for the hash again."""
        if self._users and self._users.hashes == config.users:
            return self._users
        return Users(config.users) if config.users else None

    def _sign(self) -> Signature:
        return tuple(_sign(path) for path in self._watched)


def _protection(
    config: WebConfig, tls: TlsConfig | None, context: ssl.SSLContext | None, users: Users | None
) -> Protection:
    if tls is None:
        return Protection(users=users, headers=config.headers)
    required = tls.client_auth_type == "RequireAndVerifyClientCert"
    return Protection(context, required, frozenset(tls.client_allowed_sans), users, config.headers)


def _sign(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced, also through the symbolic links of mounted secrets."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
