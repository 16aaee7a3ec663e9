"""A real etcd of one member on free ports of 127.0.0.1, which tests stop, freeze, compact and secure."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # ships no types
import pyetcd
import trustme
from pyetcd import etcdrpc
from pyetcd.etcdrpc import auth_pb2
from pyetcd.utils import prefix_range_end

from otel_calico.datastores.settings import EtcdSettings
from tests.node.etcd import ALONE
from tests.node.programs import free_port, wait_until

PREFIX = "/calico/resources/v3/projectcalico.org/"
PASSWORD = "s3cret-of-the-test"


class EtcdServer:
    """Starts with the block and is killed after it. With `tls`, it serves https by a CA of its own."""

    def __init__(self, directory: Path, *, tls: bool = False, client_certificates: bool = False) -> None:
        self._client_certificates = client_certificates
        self.port, self._peer_port = free_port(), free_port()
        self.scheme = "https" if tls else "http"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.ca_file = directory / "ca.pem"
        self.certificate_file, self.key_file = directory / "cert.pem", directory / "key.pem"
        if tls:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(self.ca_file)
            certificate = authority.issue_cert("127.0.0.1", "localhost")
            certificate.private_key_pem.write_to_path(self.key_file)
            certificate.cert_chain_pems[0].write_to_path(self.certificate_file)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def settings(self) -> EtcdSettings:
        return EtcdSettings(endpoints=(self.url,), ca_cert_file=str(self.ca_file) if self.scheme == "https" else "")

    def __enter__(self) -> EtcdServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        peer = f"http://127.0.0.1:{self._peer_port}"
        arguments = ["etcd", "--data-dir", str(self._directory / "data"), "--unsafe-no-fsync", "--log-level", "error"]
        arguments += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        arguments += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        arguments += ["--initial-cluster", f"default={peer}", "--max-txn-ops", "5000"]
        arguments += ALONE
        if self.scheme == "https":
            arguments += ["--cert-file", str(self.certificate_file), "--key-file", str(self.key_file)]
        if self._client_certificates:
            arguments += ["--client-cert-auth", "--trusted-ca-file", str(self.ca_file)]
        with (self._directory / "etcd.log").open("ab") as output:
            self._process = subprocess.Popen(arguments, stdout=output, stderr=output)
        wait_until(self._answers, "etcd answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def put(self, key: str, resource: object) -> None:
        """Store a resource under its key below the Calico prefix; bytes are stored as they are."""
        value = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        with self._client() as client:
            client.put(PREFIX + key, value)

    def put_all(self, resources: Iterable[tuple[str, object]]) -> None:
        """Store many resources in transactions of 2,000."""
        pairs = list(resources)
        with self._client() as client:
            for start in range(0, len(pairs), 2000):
                puts = [
                    client.transactions.put(PREFIX + key, json.dumps(resource))
                    for key, resource in pairs[start : start + 2000]
                ]
                client.transaction(compare=[], success=puts, failure=[])

    def delete(self, key: str) -> None:
        with self._client() as client:
            client.delete(PREFIX + key)

    def compact(self) -> None:
        """Forget all history up to now."""
        with self._client() as client:
            client.compact(client.get_response("x").header.revision, physical=True)

    def require_password(self, *readable_kinds: str) -> None:
        """Turn authentication on: user `reader` with PASSWORD may read these kinds, or the whole prefix if none."""
        with self._client() as client:
            auth = client.authstub
            auth.UserAdd(etcdrpc.AuthUserAddRequest(name="root", password=PASSWORD))
            auth.RoleAdd(etcdrpc.AuthRoleAddRequest(name="root"))
            auth.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="root", role="root"))
            auth.UserAdd(etcdrpc.AuthUserAddRequest(name="reader", password=PASSWORD))
            auth.RoleAdd(etcdrpc.AuthRoleAddRequest(name="reader"))
            for prefix in [f"{PREFIX}{kind}/" for kind in readable_kinds] or [PREFIX]:
                auth.RoleGrantPermission(_read_permission(prefix.encode()))
            auth.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="reader", role="reader"))
            auth.AuthEnable(etcdrpc.AuthEnableRequest())

    def grant(self, kind: str) -> None:
        """Let `reader` read one more kind; authentication is on."""
        with self._client() as client:
            login = etcdrpc.AuthenticateRequest(name="root", password=PASSWORD)
            token = (("token", client.authstub.Authenticate(login).token),)
            client.authstub.RoleGrantPermission(_read_permission(f"{PREFIX}{kind}/".encode()), metadata=token)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "etcd.log").read_text()
        try:
            with self._client(timeout=1) as client:
                client.get_response("x")
        except pyetcd.Etcd3Exception:
            return False
        except grpc.RpcError:
            return True  # it asks for a password
        return True

    def _client(self, timeout: float = 30) -> Any:
        options = [("grpc.use_local_subchannel_pool", 1)]
        files = (self.ca_file, self.key_file, self.certificate_file) if self.scheme == "https" else (None, None, None)
        return pyetcd.client("127.0.0.1", self.port, *files, timeout=timeout, grpc_options=options)


def _read_permission(prefix: bytes) -> Any:
    permission = auth_pb2.Permission(permType=auth_pb2.Permission.READ, key=prefix, range_end=prefix_range_end(prefix))
    return etcdrpc.AuthRoleGrantPermissionRequest(name="reader", perm=permission)
