"""Getting into the API server: tokens, certificates, kubeconfigs; and what is said when it fails."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trustme

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.kubernetes.api_access import ApiAccess
from otel_calico.datastores.kubernetes.api_client import ApiClient
from otel_calico.datastores.kubernetes.api_errors import ApiRequest
from otel_calico.datastores.kubernetes.bearer_token import FRESH, BearerToken
from otel_calico.datastores.kubernetes.kubeconfig import access_from_files, access_from_text
from tests.datastores.watching import in_sync, the_one_error
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import CLIENT, Follow
from tests.node.programs import free_port, wait_until

CA_REMEDY = "check K8S_CA_FILE, or certificate-authority in the kubeconfig"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def tls_api(authority: trustme.CA) -> Iterator[ApiServer]:
    with ApiServer(tls(authority, "127.0.0.1")) as server:
        yield server


def test_a_token_given_or_in_a_file_is_shown(api: ApiServer, follow: Follow, tmp_path: Path) -> None:
    api.behaviour.tokens = {"first"}
    (tmp_path / "token").write_text("first\n")
    in_sync(follow(ApiAccess(api.url, token="first"), Lookups()))
    in_sync(follow(ApiAccess(api.url, token_file=str(tmp_path / "token")), Lookups()))
    assert "first" not in repr(ApiAccess(api.url, token="first"))


def test_a_rotated_token_is_read_when_the_old_one_is_refused(api: ApiServer, follow: Follow, tmp_path: Path) -> None:
    api.behaviour.tokens = {"first"}
    file = tmp_path / "token"
    file.write_text("first")
    datastore = follow(ApiAccess(api.url, token_file=str(file)), Lookups())
    wait_until(lambda: all(kind.connected for kind in datastore.status().kinds.values()), "all kinds are watched")
    file.write_text("second")
    api.behaviour.tokens = {"second"}
    api.end_streams("pods", whole=True)
    wait_until(lambda: len(api.requests("watch", "pods")) == 3, "the watch with the new token")
    assert [one.status for one in api.requests("watch", "pods")] == [200, 401, 200]
    assert datastore.status().kinds["pods"].errors == 0


def test_a_refused_token_is_told_without_its_text(api: ApiServer, follow: Follow, tmp_path: Path) -> None:
    api.behaviour.tokens = {"good"}
    file = tmp_path / "token"
    file.write_text("s3cret")
    for access, credentials in [
        (ApiAccess(api.url, token_file=str(file)), f"token in {file}"),
        (ApiAccess(api.url, token="s3cret"), "token"),
    ]:
        datastore = follow(access, Lookups())
        expected = (
            f"{api.url}: the API server rejects our credentials ({credentials}) for list pods (401): "
            "are they for this cluster, and not expired?"
        )
        wait_until(lambda d=datastore, e=expected: d.status().kinds["pods"].last_error == e, expected)  # type: ignore[misc]
    missing = str(tmp_path / "none")
    assert the_one_error(follow(ApiAccess(api.url, token_file=missing), Lookups())) == (
        f"cannot read the token file {missing}: No such file or directory"
    )


@pytest.mark.slow
def test_tls_with_the_right_ca_as_file_and_as_text(tls_api: ApiServer, ca_file: str, follow: Follow) -> None:
    in_sync(follow(ApiAccess(tls_api.url, ca_file=ca_file), Lookups()))
    in_sync(follow(ApiAccess(tls_api.url, ca=Path(ca_file).read_text()), Lookups()))
    in_sync(follow(ApiAccess(tls_api.url, insecure=True), Lookups()))


@pytest.mark.slow
def test_tls_errors_say_what_to_do(tls_api: ApiServer, ca_file: str, follow: Follow, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    untrusted = f"{tls_api.url}: its certificate is not signed by a trusted CA: {CA_REMEDY}"
    assert the_one_error(follow(ApiAccess(tls_api.url, ca_file=str(other)), Lookups())) == untrusted
    assert the_one_error(follow(tls_api.url, Lookups())) == untrusted  # the system does not know it
    by_name = tls_api.url.replace("127.0.0.1", "localhost")
    assert the_one_error(follow(ApiAccess(by_name, ca_file=ca_file), Lookups())) == (
        f"{by_name}: its certificate is for other names: use one of them in the server's URL; or {CA_REMEDY}"
    )
    in_sync(follow(ApiAccess(by_name, ca_file=ca_file, server_name="127.0.0.1"), Lookups()))
    missing = str(tmp_path / "none")
    assert the_one_error(follow(ApiAccess(tls_api.url, ca_file=missing), Lookups())) == (
        f"cannot use {missing} for the Kubernetes API: No such file or directory"
    )
    other.write_text("nonsense")
    assert the_one_error(follow(ApiAccess(tls_api.url, ca_file=str(other)), Lookups())) == (
        f"cannot use {other} for the Kubernetes API: it is not PEM"
    )


def test_a_rotated_ca_is_read_at_the_next_connection(tls_api: ApiServer, ca_file: str, follow: Follow) -> None:
    good = Path(ca_file).read_bytes()
    trustme.CA().cert_pem.write_to_path(ca_file)
    datastore = follow(ApiAccess(tls_api.url, ca_file=ca_file), Lookups())
    wait_until(lambda: datastore.status().kinds["pods"].errors > 0, "an error")
    Path(ca_file).write_bytes(good)
    in_sync(datastore)


@pytest.fixture
def strict_api(authority: trustme.CA, ca_file: str) -> Iterator[ApiServer]:
    """Lets nobody in without a client certificate."""
    context = tls(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca_file)
    with ApiServer(context) as server:
        yield server


def test_a_client_certificate(
    authority: trustme.CA, strict_api: ApiServer, ca_file: str, follow: Follow, tmp_path: Path
) -> None:
    ours = authority.issue_cert("otel-calico")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    ours.cert_chain_pems[0].write_to_path(cert)
    ours.private_key_pem.write_to_path(key)
    access = ApiAccess(strict_api.url, ca_file=ca_file)
    in_sync(follow(replace(access, cert_file=str(cert), key_file=str(key)), Lookups()))
    in_sync(follow(replace(access, cert=cert.read_text(), key=key.read_text()), Lookups()))
    datastore = follow(access, Lookups())
    wait_until(lambda: all(kind.errors for kind in datastore.status().kinds.values()), "errors")
    for kind in datastore.status().kinds.values():  # the server says why, or just ends the connection
        assert "a client certificate: check K8S_CERT_FILE and K8S_KEY_FILE" in kind.last_error


def test_a_client_certificate_that_is_refused_is_followed_when_its_file_is_renewed(
    authority: trustme.CA, tls_api: ApiServer, ca_file: str, tmp_path: Path
) -> None:
    """A kept connection keeps the certificate that it began with."""
    certificate = tmp_path / "cert.pem"
    authority.issue_cert("otel-calico").private_key_and_cert_chain_pem.write_to_path(certificate)
    client = ApiClient(
        ApiAccess(tls_api.url, ca_file=ca_file, cert_file=str(certificate), key_file=str(certificate)), CLIENT
    )
    pods = ApiRequest("list", "pods")
    b"".join(client.get(pods, "/api/v1/pods").chunks())
    tls_api.behaviour.tokens = {"one that we do not have"}
    with pytest.raises(DatastoreError, match="401"):
        client.get(pods, "/api/v1/pods")
    tls_api.behaviour.tokens = None
    certificate.unlink()
    with pytest.raises(DatastoreError, match="cannot use"):  # a new connection reads the file anew
        client.get(pods, "/api/v1/pods")
    client.close()


def watched_again(api: ApiServer, ended: int) -> bool:
    """Whether pods are watched after so many watches ended."""
    return len(api.requests("watch", "pods")) > ended and any(one.resource == "pods" for one in api.streams)


def test_the_end_of_a_watch_over_tls_is_no_error_of_the_next_request(
    tls_api: ApiServer, ca_file: str, follow: Follow
) -> None:
    datastore = follow(ApiAccess(tls_api.url, ca_file=ca_file), Lookups())
    in_sync(datastore)
    for ended in range(4):
        wait_until(partial(watched_again, tls_api, ended), "the next watch")
        tls_api.end_streams("pods", whole=True)
    in_sync(datastore)
    assert {kind: one.errors for kind, one in datastore.status().kinds.items() if one.errors} == {}


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_is_told(api: ApiServer, tls_api: ApiServer, follow: Follow) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    assert the_one_error(follow(closed, Lookups())) == (
        f"{closed}: connection refused: is the API server there, and is the port right?"
    )
    unknown = "https://kubernetes.invalid:6443"
    assert the_one_error(follow(unknown, Lookups())) == (
        f"{unknown}: its name cannot be resolved: check the server's URL and the DNS of this node"
    )
    no_tls = api.url.replace("http", "https")
    assert the_one_error(follow(no_tls, Lookups())) == (
        f"{no_tls}: it does not use TLS: use http:// in the server's URL, or the port with TLS"
    )
    plain = tls_api.url.replace("https", "http")
    assert the_one_error(follow(plain, Lookups())).startswith(f"{plain}: it closed the connection")


def test_a_server_below_a_path(api: ApiServer, follow: Follow) -> None:
    in_sync(follow(f"{api.url}/prefix/", Lookups()))


def test_a_token_file_is_read_anew_when_it_is_no_longer_fresh(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    kept, read = (BearerToken(ApiAccess(token_file=str(file)), fresh) for fresh in (FRESH, 0))
    assert (kept.current(), read.current()) == ("first", "first")
    file.write_text("second")
    assert (kept.current(), read.current()) == ("first", "second")
    assert FRESH == 60


def test_a_whole_kubeconfig_lets_us_in(
    authority: trustme.CA, tls_api: ApiServer, ca_file: str, follow: Follow, tmp_path: Path
) -> None:
    tls_api.behaviour.tokens = {"mine"}
    (tmp_path / "mine").write_text("mine")
    inline = b64encode(authority.cert_pem.bytes()).decode()
    text = f"""
current-context: test
clusters:
- name: here
  cluster: {{server: "{tls_api.url}", certificate-authority-data: {inline}}}
contexts:
- {{name: test, context: {{cluster: here, user: me, namespace: any}}}}
users:
- {{name: me, user: {{token: mine}}}}
"""
    in_sync(follow(access_from_text(text), Lookups()))
    text = text.replace(f"certificate-authority-data: {inline}", "certificate-authority: ca.pem")
    (tmp_path / "config").write_text(text.replace("token: mine", "tokenFile: mine"))
    assert Path(ca_file).parent == tmp_path
    in_sync(follow(access_from_files(str(tmp_path / "config")), Lookups()))
