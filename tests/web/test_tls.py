"""TLS with certificates that are right, wrong, expired and rotated, on both sides."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.node.programs import wait_until
from tests.web.site import PROBE, YESTERDAY, Site

SERVED = (200, "GET /metrics admitted")
NO_CERTIFICATE = (403, "This server asks for a client certificate that it knows.")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.server.stop()


def test_a_certificate_is_shown_to_clients_and_plain_ones_get_nothing(site: Site) -> None:
    site.write_tls().start()
    assert site.ask(context=site.trusting()) == SERVED
    with pytest.raises(ConnectionError):
        site.ask()
    with pytest.raises(ssl.SSLCertVerificationError, match="local issuer"):
        site.ask(context=ssl.create_default_context())


@pytest.mark.slow
def test_rotated_certificates_are_shown_without_a_restart(site: Site) -> None:
    site.renew(not_after=YESTERDAY)
    site.write_tls().start()
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        site.ask(context=site.trusting())
    (site.folder / "key.pem").write_text("half a key")
    file = site.file
    assert file is not None
    wait_until(lambda: not file.in_effect, "the broken key", 10)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):  # the former one
        site.ask(context=site.trusting())
    site.renew()
    wait_until(lambda: file.in_effect, "the new certificate", 10)
    assert site.ask(context=site.trusting()) == SERVED


def test_client_certificates_are_asked_for_on_all_pages_but_the_probes(site: Site) -> None:
    site.write_tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem").start()
    known = site.trusting(site.authority.issue_cert("prometheus.example"))
    assert site.ask(context=known) == SERVED
    assert site.ask(context=site.trusting()) == NO_CERTIFICATE
    assert site.ask(PROBE, site.trusting()) == (200, "GET /healthz not admitted")
    for stranger in (
        trustme.CA().issue_cert("prometheus.example"),
        site.authority.issue_cert("prometheus.example", not_after=YESTERDAY),
    ):
        with pytest.raises(OSError, match=r"alert|reset|EOF|closed|Broken pipe"):
            site.ask(context=site.trusting(stranger))


@pytest.mark.slow
def test_a_handshake_begun_before_an_authority_was_replaced_lets_nobody_in(site: Site) -> None:
    site.write_tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem").start()
    known, file = site.trusting(site.authority.issue_cert("prometheus.example")), site.file
    assert file is not None
    with socket.create_connection(("localhost", site.server.port), timeout=20) as client:
        wait_until(lambda: site.ask(PROBE, site.trusting())[0] == 200, "the server, which has accepted by now", 10)
        former = file.current
        trustme.CA().cert_pem.write_to_path(str(site.folder / "ca.pem"))
        wait_until(lambda: file.current is not former, "the other authority", 10)
        with pytest.raises(OSError, match=r"reset|EOF|closed|violation"):
            known.wrap_socket(client, server_hostname="localhost")


def test_only_certificates_of_allowed_names_get_in(site: Site) -> None:
    names = ["prometheus.example", "10.0.0.7", "2001:db8::1", "scraper@example.org"]
    site.write_tls(
        client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem", client_allowed_sans=names
    ).start()
    for name in names:
        assert site.ask(context=site.trusting(site.authority.issue_cert(name))) == SERVED
    other = site.authority.issue_cert("other.example")
    assert site.ask(context=site.trusting(other)) == NO_CERTIFICATE


@pytest.mark.slow
def test_an_authority_that_is_replaced_shuts_out_its_clients(site: Site) -> None:
    site.write_tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="clients.pem")
    former, later = trustme.CA(), trustme.CA()
    former.cert_pem.write_to_path(str(site.folder / "clients.pem"))
    site.start()
    assert site.ask(context=site.trusting(former.issue_cert("a.example"))) == SERVED
    later.cert_pem.write_to_path(str(site.folder / "clients.pem"))

    def served() -> bool:
        try:
            return site.ask(context=site.trusting(later.issue_cert("a.example"))) == SERVED
        except OSError:
            return False

    wait_until(served, "the new authority", 10)
    with pytest.raises(OSError, match=r"alert|reset|EOF|closed|Broken pipe"):
        site.ask(context=site.trusting(former.issue_cert("a.example")))


def test_versions_ciphers_and_curves_are_those_of_the_file(site: Site) -> None:
    site.write_tls(
        max_version="TLS12",
        cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
        curve_preferences=["CurveP384"],
    ).start()
    client = site.trusting()
    assert site.ask(context=client) == SERVED
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises(ssl.SSLError, match=r"EOF|PROTOCOL_VERSION"):
        site.ask(context=client)
    weaker = site.trusting()
    weaker.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError, match=r"EOF|HANDSHAKE_FAILURE"):
        site.ask(context=weaker)
    other_curve = site.trusting()
    other_curve.set_ecdh_curve("prime256v1")
    with pytest.raises(ssl.SSLError, match=r"EOF|HANDSHAKE_FAILURE"):
        site.ask(context=other_curve)


def test_certificate_and_key_may_stand_in_the_file_itself(site: Site) -> None:
    parts = {name: (site.folder / f"{name}.pem").read_text() for name in ("cert", "key", "ca")}
    site.write(
        tls_server_config={
            "cert": parts["cert"],
            "key": parts["key"],
            "client_ca": parts["ca"],
            "client_auth_type": "VerifyClientCertIfGiven",
        }
    ).start()
    assert site.ask(context=site.trusting()) == SERVED
    assert site.ask(context=site.trusting(site.authority.issue_cert("a.example"))) == SERVED
