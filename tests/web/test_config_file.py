"""The web configuration file: what is wrong in it is said, all of it, and never with a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_calico.web.config_file import WebConfigError
from otel_calico.web.protection import ProtectionFile
from tests.web.site import Site, hashed


def problems(path: Path) -> list[str]:
    with pytest.raises(WebConfigError) as caught:
        ProtectionFile(path)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


def test_every_problem_of_a_file_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text("""
tls_server_config:
  key: text
  key_file: key.pem
  client_auth_type: RequireAnyClientCert
  min_version: TLS10
  cipher_suites: TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: 1
  tickets: true
http_server_config:
  headers: {X-Frame-Options: allow, X-XSS-Protection: "a\\nb", Server: x}
basic_auth_users:
  prom: hunter2
  "a:b": hunter2
rate_limit: {burst: 1}
log: debug
""")
    assert problems(path) == [
        "tls_server_config.client_auth_type: RequireAnyClientCert verifies nothing; use RequireAndVerifyClientCert",
        "tls_server_config.key: given together with key_file; keep only one",
        "tls_server_config.min_version: must be one of TLS12, TLS13",
        "tls_server_config.cipher_suites: is no list",
        "tls_server_config.prefer_server_cipher_suites: is no boolean",
        "tls_server_config.tickets: unknown key",
        "tls_server_config.cert_file: missing; TLS needs a certificate and its key",
        "http_server_config.headers.X-Frame-Options: must be one of deny, sameorigin",
        "http_server_config.headers.X-XSS-Protection: has characters that no header may have",
        "http_server_config.headers.Server: unknown key",
        "basic_auth_users.prom: is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one",
        "basic_auth_users.a user: a name with a colon cannot be sent by any client",
        "rate_limit: not supported; requests within a second share one scan anyway",
        "log: unknown key",
    ]


@pytest.mark.parametrize("beginning", ["$2$04$", "$2b$03$", "$2b$32$", "$2b$00$", "$1b$04$"])
def test_a_hash_that_no_password_could_be_checked_against_is_refused(tmp_path: Path, beginning: str) -> None:
    site = Site(tmp_path).write(basic_auth_users={"prom": beginning + hashed("secret")[7:]})
    assert problems(site.path) == ["basic_auth_users.prom: is no bcrypt hash; `htpasswd -nBC 10 NAME` makes one"]


def test_files_that_cannot_be_used_are_named_with_the_reason(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write_tls(cipher_suites=["RC4"], curve_preferences=["CurveP256", "X25519"])
    (tmp_path / "cert.pem").unlink()
    assert problems(site.path) == [
        "tls_server_config: certificate and key cannot be used: No such file or directory",
        "tls_server_config.cipher_suites: unknown: RC4; known: " + ", ".join(KNOWN_CIPHERS),
        "tls_server_config.curve_preferences: name one of CurveP256, CurveP384, CurveP521, X25519, or none for all",
    ]
    site.renew()
    site.write_tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="none.pem", key_file="ca.pem")
    assert problems(site.path) == [
        "tls_server_config: certificate and key cannot be used: no valid PEM",
        f"tls_server_config.client_ca_file: {tmp_path}/none.pem: No such file or directory",
    ]


@pytest.mark.parametrize("value", ["{a: 1}", "[[a]]", "1", "2026-11-23", "!!set {a}", "!!binary aGk="])
@pytest.mark.parametrize(
    "key", ["client_auth_type", "cert", "min_version", "cipher_suites", "prefer_server_cipher_suites"]
)
def test_a_value_of_another_kind_is_a_problem_of_its_key(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "web.yml"
    path.write_text(f"tls_server_config: {{{key}: {value}}}\n")
    assert any(problem.startswith(f"tls_server_config.{key}: ") for problem in problems(path))


def test_a_file_that_is_no_mapping_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    for text, problem in (
        ("hunter2", "is no mapping of sections"),
        ("a: [hunter2", "line 1: is no valid YAML"),
        ("basic_auth_users: hunter2", "basic_auth_users: is no mapping"),
    ):
        path.write_text(text)
        assert problems(path) == [problem]
    path.write_bytes(b"\xff")
    assert problems(path) == ["is no YAML text in UTF-8"]
    assert problems(tmp_path) == ["cannot be read: Is a directory"]


def test_an_empty_file_protects_nothing_and_headers_are_added_to_every_answer(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.path.write_text("")
    assert ProtectionFile(site.path).current.users is None
    site.write(
        http_server_config={"http2": True, "headers": {"X-Frame-Options": "deny", "Content-Security-Policy": ""}},
        basic_auth_users={"prom": hashed("x")},
    )
    assert ProtectionFile(site.path).current.headers == {"X-Frame-Options": "deny"}


KNOWN_CIPHERS = [
    *(f"TLS_ECDHE_{key}_WITH_AES_{bits}_CBC_SHA" for key in ("ECDSA", "RSA") for bits in (128, 256)),
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
]
