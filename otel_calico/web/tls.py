"""Builds the `ssl.SSLContext` of a `tls_server_config`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from otel_calico.files import as_file
from otel_calico.web.config_file import TlsConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
_TLS13_CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
"""Always on; as in Go, no setting changes them."""
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


def server_context(config: TlsConfig) -> ssl.SSLContext:
    """The context. Raises ValueError with all that is wrong, a line each.

    A client without a certificate gets through the handshake even where one is required: probes have none. The server
    answers it nothing but its probes.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[config.min_version], _VERSIONS[config.max_version]
    context.set_alpn_protocols(["http/1.1"])
    if config.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    problems = [
        *_load_certificate(context, config),
        *_load_client_authorities(context, config),
        *_choose_ciphers(context, config),
        *_choose_curve(context, config),
    ]
    if problems:
        raise ValueError("\n".join(problems))
    return context


def names_of(certificate: Mapping[str, object]) -> set[str]:
    """The subject alternative names of a client certificate: DNS names, addresses, e-mail addresses, URIs."""
    pairs = certificate.get("subjectAltName", ())
    assert isinstance(pairs, tuple)  # noqa: S101 - the form that ssl documents
    return {str(ip_address(name.strip())) if kind == "IP Address" else name for kind, name in pairs}


def _load_certificate(context: ssl.SSLContext, config: TlsConfig) -> Iterator[str]:
    with as_file(config.cert.text, config.cert.file) as cert, as_file(config.key.text, config.key.file) as key:
        try:
            # Without a password `ssl` would ask for one on the terminal.
            context.load_cert_chain(cert, key, password=lambda: "")
        except (OSError, ValueError) as error:
            yield f"tls_server_config: certificate and key cannot be used: {_reason(error)}"


def _load_client_authorities(context: ssl.SSLContext, config: TlsConfig) -> Iterator[str]:
    if config.client_auth_type == "NoClientCert":
        return
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        if config.client_ca:
            context.load_verify_locations(cadata=config.client_ca.read())
        else:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    except (OSError, ValueError) as error:
        yield f"tls_server_config.client_ca_file: {_reason(error)}"


def _choose_ciphers(context: ssl.SSLContext, config: TlsConfig) -> Iterator[str]:
    unknown = [name for name in config.cipher_suites if name not in _CIPHERS and name not in _TLS13_CIPHERS]
    if unknown:
        yield f"tls_server_config.cipher_suites: unknown: {', '.join(unknown)}; known: {', '.join(_CIPHERS)}"
    elif chosen := [_CIPHERS[name] for name in config.cipher_suites if name in _CIPHERS]:
        context.set_ciphers(":".join(chosen))


def _choose_curve(context: ssl.SSLContext, config: TlsConfig) -> Iterator[str]:
    if len(config.curve_preferences) > 1 or not _CURVES.keys() >= set(config.curve_preferences):
        yield f"tls_server_config.curve_preferences: name one of {', '.join(_CURVES)}, or none for all"
    elif config.curve_preferences:
        context.set_ecdh_curve(_CURVES[config.curve_preferences[0]])


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "no valid PEM"
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return where + (error.strerror or str(error) if isinstance(error, OSError) else str(error))
