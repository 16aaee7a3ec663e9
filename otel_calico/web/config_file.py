"""Reads and checks the web configuration file, in the form of the Prometheus exporter-toolkit.

Form: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. What this server cannot do
is refused with a reason, never passed over. Messages never quote a value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from otel_calico.files import LARGEST_CONFIGURATION, read_bounded

_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_HEADERS: Mapping[str, frozenset[str] | None] = {
    "Content-Security-Policy": None,
    "X-Frame-Options": frozenset({"deny", "sameorigin"}),
    "X-Content-Type-Options": frozenset({"nosniff"}),
    "X-XSS-Protection": None,
    "Strict-Transport-Security": None,
}
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}
_CLIENT_AUTH = ("NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
_VERSIONS = ("TLS12", "TLS13")


class WebConfigError(Exception):
    """The file cannot be used; `problems` has one line for each reason."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Pem:
    """PEM text, or the file that holds it."""

    text: str = field(default="", repr=False)
    file: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.file)

    def read(self) -> str:
        """The text. Raises OSError, and ValueError if the file is not UTF-8."""
        return read_bounded(self.file, LARGEST_CONFIGURATION).decode() if self.file else self.text


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """`tls_server_config`. Names of versions, ciphers and curves are Go's."""

    cert: Pem
    key: Pem
    client_ca: Pem
    client_auth_type: str
    client_allowed_sans: Sequence[str]
    min_version: str
    max_version: str
    cipher_suites: Sequence[str]
    curve_preferences: Sequence[str]
    prefer_server_cipher_suites: bool

    @property
    def files(self) -> list[Path]:
        """Those it consists of."""
        return [pem.file for pem in (self.cert, self.key, self.client_ca) if pem.file]


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The whole file. `users` are bcrypt hashes by name; empty if everybody may ask."""

    tls: TlsConfig | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)


def read(path: Path) -> WebConfig:
    """The file's content. Raises WebConfigError with everything that is wrong in it."""
    top = _Section("", _load(path), path.parent)
    tls = _tls(top.section("tls_server_config"))
    headers = _headers(top.section("http_server_config"))
    users = _users(top.section("basic_auth_users"))
    if "rate_limit" in top.values:
        del top.values["rate_limit"]
        top.problems.append("rate_limit: not supported; requests within a second share one scan anyway")
    top.refuse_the_rest()
    if top.problems:
        raise WebConfigError(path, top.problems)
    return WebConfig(tls, headers, users)


class _Section:
    """A mapping of the file. What is read is taken out, so that what stays is unknown."""

    def __init__(self, name: str, values: Any, folder: Path, problems: list[str] | None = None) -> None:
        self.name = name
        self.folder = folder
        self.problems: list[str] = [] if problems is None else problems
        self.values: dict[str, Any] = {str(key): value for key, value in values.items()} if values else {}

    def section(self, name: str) -> _Section:
        values = self.values.pop(name, None)
        if values is not None and not isinstance(values, dict):
            self.complain(name, "is no mapping")
            values = None
        return _Section(f"{self.name}.{name}".lstrip("."), values, self.folder, self.problems)

    def complain(self, key: str, reason: str) -> None:
        self.problems.append(f"{self.name}.{key}: {reason}" if self.name else f"{key}: {reason}")

    def take(self, key: str, kind: type, default: Any, what: str) -> Any:
        value = self.values.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.complain(key, f"is no {what}")
            return default
        return value

    def text(self, key: str, default: str = "", allowed: Sequence[str] = ()) -> str:
        value: str = self.take(key, str, default, "text")
        if allowed and value not in allowed:
            self.complain(key, f"must be one of {', '.join(allowed)}")
            return default
        return value

    def texts(self, key: str) -> list[str]:
        values: list[Any] = self.take(key, list, [], "list")
        if not all(isinstance(value, str) for value in values):
            self.complain(key, "is no list of texts")
            return []
        return values

    def pem(self, key: str) -> Pem:
        text, file = self.text(key), self.text(f"{key}_file")
        if text and file:
            self.complain(key, f"given together with {key}_file; keep only one")
        return Pem(text, self.folder / file if file else None)

    def refuse_the_rest(self) -> None:
        for key in self.values:
            self.complain(key, "unknown key")


def _load(path: Path) -> dict[Any, Any]:
    import yaml  # noqa: PLC0415 - 1 MB that a server without such a file need not have

    try:
        content = yaml.safe_load(read_bounded(path, LARGEST_CONFIGURATION).decode())
    except OSError as error:
        raise WebConfigError(path, [f"cannot be read: {error.strerror}"]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise WebConfigError(path, [f"line {line}: is no valid YAML"]) from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise WebConfigError(path, ["is no YAML text in UTF-8"]) from None
    if content is not None and not isinstance(content, dict):
        raise WebConfigError(path, ["is no mapping of sections"])
    return content or {}


def _tls(section: _Section) -> TlsConfig | None:
    auth = section.values.get("client_auth_type")
    unverified = isinstance(auth, str) and auth in _UNVERIFIED
    if unverified:
        del section.values["client_auth_type"]
        section.complain("client_auth_type", f"{auth} verifies nothing; use RequireAndVerifyClientCert")
    tls = TlsConfig(
        section.pem("cert"),
        section.pem("key"),
        section.pem("client_ca"),
        section.text("client_auth_type", "NoClientCert", _CLIENT_AUTH),
        section.texts("client_allowed_sans"),
        section.text("min_version", "TLS12", _VERSIONS),
        section.text("max_version", "TLS13", _VERSIONS),
        section.texts("cipher_suites"),
        section.texts("curve_preferences"),
        section.take("prefer_server_cipher_suites", bool, default=True, what="boolean"),
    )
    section.refuse_the_rest()
    _check_tls(section, tls, unverified=unverified)
    wanted = tls.cert or tls.key or tls.client_ca or tls.client_auth_type != "NoClientCert"
    return tls if wanted else None


def _check_tls(section: _Section, tls: TlsConfig, *, unverified: bool) -> None:
    asks_for_certificates = tls.client_auth_type != "NoClientCert" or unverified
    if tls.client_ca and not asks_for_certificates:
        section.complain("client_ca_file", "of no use without client_auth_type: RequireAndVerifyClientCert")
    if tls.client_allowed_sans and tls.client_auth_type != "RequireAndVerifyClientCert" and not unverified:
        section.complain("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if tls.cert or tls.key or tls.client_ca or asks_for_certificates:
        for key, pem in (("cert_file", tls.cert), ("key_file", tls.key)):
            if not pem:
                section.complain(key, "missing; TLS needs a certificate and its key")
    if tls.min_version > tls.max_version:
        section.complain("min_version", "is above max_version")


def _headers(section: _Section) -> dict[str, str]:
    # HTTP/2 is on by default in this form, so that "true" is no wish that is denied silently: clients negotiate.
    section.take("http2", bool, default=True, what="boolean")
    inner = section.section("headers")
    section.refuse_the_rest()
    headers = {}
    for name, allowed in _HEADERS.items():
        value = inner.text(name)
        if allowed and value and value.lower() not in allowed:
            inner.complain(name, f"must be one of {', '.join(sorted(allowed))}")
        elif not value.isprintable():
            inner.complain(name, "has characters that no header may have")
        elif value:
            headers[name] = value
    inner.refuse_the_rest()
    return headers


def _users(section: _Section) -> dict[str, str]:
    users = {}
    for name in list(section.values):
        hashed = section.text(name)
        if ":" in name:
            section.complain("a user", "a name with a colon cannot be sent by any client")
        elif not _BCRYPT.fullmatch(hashed):
            section.complain(name, "is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one")
        users[name] = hashed
    return users
