"""Getting into a real etcd: several endpoints, TLS, passwords, rights; and what is said when it fails."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.etcd.etcd_access import EtcdAccess, EtcdEndpoint
from otel_calico.datastores.etcd.etcd_client import EtcdClient
from otel_calico.datastores.etcd.etcd_list_watch import EtcdListWatch
from tests.datastores.watching import connected, in_sync, the_one_error
from tests.node.etcd import PASSWORD, Etcd, TLSFiles
from tests.node.programs import Program, free_port, wait_until

from .cluster import endpoint, endpoint_key, policy
from .conftest import Follow

pytestmark = pytest.mark.slow

CLOSED = "it closed the connection; if this repeats, check http or https in ETCD_ENDPOINTS, and ETCD_CERT_FILE"


def test_a_dead_endpoint_is_passed_over_quickly(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    dead = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    for order in ([*dead, etcd.endpoint], [etcd.endpoint, *dead], [dead[0], etcd.endpoint, dead[1]]):
        began = time.monotonic()
        datastore = follow(EtcdAccess(endpoints=tuple(order)), lookups)
        wait_until(lambda datastore=datastore: datastore.status().in_sync)  # type: ignore[misc]
        assert time.monotonic() - began < 2
    assert lookups.endpoint("cali1") is not None


def test_an_endpoint_that_accepts_and_says_nothing_is_given_up(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = EtcdAccess(endpoints=(url,), timeout=0.5)
        assert the_one_error(follow(settings, Lookups())) == (
            f"{url}: no answer in time: can this node reach it, and does etcd have a leader?"
        )
        datastore = follow(replace(settings, endpoints=(url, etcd.endpoint)), lookups)
        in_sync(datastore)


def test_scheme_and_port_of_an_endpoint_may_be_left_out(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    datastore = follow(EtcdAccess(endpoints=(f"localhost:{etcd.port}",)), lookups)
    in_sync(datastore)


class GrpcProxy(Program):
    """etcd's own proxy, which clients may use in place of the members."""

    def __init__(self, etcd: Etcd) -> None:
        super().__init__("grpc-proxy")
        self.address = f"127.0.0.1:{free_port()}"
        self.launch(["etcd", "grpc-proxy", "start", f"--endpoints={etcd.endpoint}", f"--listen-addr={self.address}"])


def test_changes_arrive_through_the_grpc_proxy_of_etcd(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    with GrpcProxy(etcd) as proxy:
        datastore = follow(EtcdAccess(endpoints=(proxy.address,)), lookups)
        connected(datastore)
        etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
        wait_until(lambda: lookups.endpoint("cali1") is not None)


@pytest.mark.parametrize("method", ["get_range", "watch"])
def test_a_call_after_the_client_was_closed_is_an_error_and_no_crash(method: str) -> None:
    client = EtcdClient(EtcdEndpoint("127.0.0.1", 1, tls=False), EtcdAccess(()), None)
    client.close()
    with pytest.raises(ValueError, match="closed"):
        getattr(client, method)(b"key")


def test_when_none_answers_each_endpoint_is_named(follow: Follow) -> None:
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    error = the_one_error(follow(EtcdAccess(endpoints=tuple(urls)), Lookups()))
    refused = "connection refused: is etcd running there, and is the port right?"
    assert sorted(error.split("; ")) == sorted(f"{url}: {refused}" for url in urls)


def authority_of(etcd: Etcd) -> str:
    return Path(etcd.access.ca_cert_file).read_text()


def test_tls_with_the_right_ca(tls_etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    tls_etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    from_file = follow(tls_etcd.access, lookups)
    as_text = follow(replace(tls_etcd.access, ca_cert_file="", ca_cert=authority_of(tls_etcd)), Lookups())
    wait_until(lambda: from_file.status().in_sync and as_text.status().in_sync)
    assert lookups.endpoint("cali1") is not None


def test_tls_errors_say_which_setting_is_wrong(tls_etcd: Etcd, tmp_path: Path, follow: Follow) -> None:
    settings = tls_etcd.access
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    untrusted = f"{tls_etcd.endpoint}: its certificate is not signed by a trusted CA: check ETCD_CA_CERT_FILE"
    assert the_one_error(follow(replace(settings, ca_cert_file=str(tmp_path / "other.pem")), Lookups())) == untrusted
    assert (
        the_one_error(follow(replace(settings, ca_cert_file=""), Lookups())) == untrusted
    )  # the system does not know it
    missing = str(tmp_path / "missing.pem")
    assert the_one_error(follow(replace(settings, ca_cert_file=missing), Lookups())) == (
        f"cannot read the certificate file {missing}: No such file or directory"
    )
    plain = f"http://127.0.0.1:{tls_etcd.port}"
    assert the_one_error(follow(EtcdAccess(endpoints=(plain,)), Lookups())) == (f"{plain}: {CLOSED}")


def test_https_to_a_plain_etcd_is_told(etcd: Etcd, follow: Follow) -> None:
    url = f"https://127.0.0.1:{etcd.port}"
    assert the_one_error(follow(EtcdAccess(endpoints=(url,)), Lookups())) == (f"{url}: {CLOSED}")


def test_a_client_certificate(tmp_path: Path, lookups: Lookups, follow: Follow) -> None:
    files = TLSFiles.issue(tmp_path)
    with Etcd(files).start() as etcd:
        with_it = replace(etcd.access, cert_file=files.certificate, key_file=files.key)
        datastore = follow(with_it, lookups)
        in_sync(datastore)
        assert "ETCD_CERT_FILE" in the_one_error(follow(etcd.access, Lookups()))


def test_a_rotated_ca_is_read_at_the_next_connection(
    tls_etcd: Etcd, tmp_path: Path, lookups: Lookups, follow: Follow
) -> None:
    tls_etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    rotated = tmp_path / "rotated.pem"
    trustme.CA().cert_pem.write_to_path(rotated)
    datastore = follow(replace(tls_etcd.access, ca_cert_file=str(rotated)), lookups)
    wait_until(lambda: datastore.status().kinds["networkpolicies"].errors > 0)
    rotated.write_text(authority_of(tls_etcd))
    in_sync(datastore)


def test_a_password_on_a_plain_channel(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    settings = replace(etcd.access, username="reader", password=PASSWORD)
    not_asked = follow(settings, Lookups())
    in_sync(not_asked)  # given, but authentication is still off

    etcd.require_password()
    asked = follow(settings, lookups)
    in_sync(asked)
    assert lookups.endpoint("cali1") is not None
    connected(not_asked)

    wrong = the_one_error(follow(replace(settings, password=PASSWORD[:-1]), Lookups()))
    assert wrong == f"{etcd.endpoint}: etcd refused user or password: check ETCD_USERNAME and ETCD_PASSWORD"
    none = the_one_error(follow(etcd.access, Lookups()))
    assert none == f"{etcd.endpoint}: etcd requires a user: set ETCD_USERNAME and ETCD_PASSWORD"
    assert PASSWORD not in repr(settings)


def test_a_password_over_tls(tls_etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    tls_etcd.require_password()
    datastore = follow(replace(tls_etcd.access, username="reader", password=PASSWORD), lookups)
    in_sync(datastore)


def test_a_kind_that_may_not_be_read_is_named_and_the_others_work(etcd: Etcd, lookups: Lookups, follow: Follow) -> None:
    etcd.put(endpoint_key("web-1"), endpoint("web-1", "cali1"))
    etcd.put("globalnetworkpolicies/default.a", policy("GlobalNetworkPolicy", "default.a"))
    etcd.require_password("workloadendpoints", "networkpolicies")
    datastore = follow(replace(etcd.access, username="reader", password=PASSWORD), lookups)
    remedy = "grant the user read on /calico/resources/v3/projectcalico.org/*"
    expected = f"globalnetworkpolicies: {etcd.endpoint}: etcd refused to read: {remedy}"
    wait_until(lambda: datastore.status().unready_reasons == (expected,))
    assert lookups.endpoint("cali1") is not None

    etcd.grant("globalnetworkpolicies")
    in_sync(datastore)
    assert len(lookups.held("globalnetworkpolicies")) == 1
    assert datastore.status().kinds["workloadendpoints"].errors == 0


def test_a_watch_that_is_refused_says_so(etcd: Etcd) -> None:
    etcd.require_password("workloadendpoints")
    source = EtcdListWatch(replace(etcd.access, username="reader", password=PASSWORD))
    try:
        allowed, refused = source.watch("workloadendpoints", "1"), source.watch("networkpolicies", "1")
        assert next(iter(allowed)).revision == "1"
        with pytest.raises(DatastoreError, match="etcd refused to read: grant the user read on"):
            next(iter(refused))
        allowed.close()
        refused.close()
    finally:
        source.close()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (EtcdAccess(("ftp://a:1",)), "etcd endpoint 'ftp://a:1': expected http://HOST:PORT or https://HOST:PORT"),
        (EtcdAccess(("http://a:x",)), "etcd endpoint: Port could not be cast to integer value as 'x'"),
        (
            EtcdAccess(("http://me:secret@a:1",)),
            "etcd endpoint: remove the credentials from the URL; use ETCD_USERNAME and ETCD_PASSWORD",
        ),
        (
            EtcdAccess(("a",), cert_file="c"),
            "an etcd client certificate needs its key and the key its certificate: set both or neither",
        ),
        (
            EtcdAccess(("a",), ca_cert_file="c", ca_cert="pem"),
            "etcd certificates are given both as files and as texts: use one of the two",
        ),
    ],
)
def test_settings_name_their_problem(settings: EtcdAccess, problem: str) -> None:
    assert settings.problems() == (problem,)


def test_good_settings_have_no_problem() -> None:
    assert EtcdAccess(("a", "https://[::1]:2379/", " http://b:1")).problems() == ()
