"""A real etcd on 127.0.0.1 with Calico's keys, written through its JSON gateway."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import trustme

from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program, free_port
from tests.node.web import answers, fetch

ALONE = ("--heartbeat-interval=10", "--election-timeout=100")
"""For a cluster of one member: it waits a tenth of a second for others that might lead, not one."""


PUTS = 1000
"""Keys of one transaction; etcd takes 128 unless told."""

PREFIX = "/calico/resources/v3/projectcalico.org/"
PASSWORD = "s3cret-of-the-test"


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Paths of PEM files. The certificate serves a client too."""

    authority: str
    certificate: str
    key: str

    @classmethod
    def issue(cls, directory: Path, authority: trustme.CA | None = None) -> TLSFiles:
        """Write those of a server on 127.0.0.1."""
        authority = authority or trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        paths = [directory / name for name in ("ca.pem", "certificate.pem", "key.pem")]
        authority.cert_pem.write_to_path(paths[0])
        certificate.cert_chain_pems[0].write_to_path(paths[1])
        certificate.private_key_pem.write_to_path(paths[2])
        return cls(*map(str, paths))


class Etcd(Program):
    """One etcd member that keeps its data while it is stopped and started again.

    A key that does not begin with `/` is below Calico's prefix; a value that is no text is stored as JSON. With TLS
    it takes no client without a certificate of the same authority, unless `knows_clients` is False.
    """

    def __init__(
        self,
        tls: TLSFiles | None = None,
        namespace: Namespace | None = None,
        member: str = "test",
        *,
        knows_clients: bool = True,
    ) -> None:
        super().__init__("etcd")
        self.member = member
        self.tls = tls
        self.port, self._peer_port = free_port(), free_port()
        self._peers: Mapping[str, str] = {}
        self._namespace = namespace
        self._knows_clients = knows_clients
        self._token = ""  # of the user that this harness is, once there are users
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.create_default_context(cafile=tls.authority)
            self._context.load_cert_chain(tls.certificate, tls.key)

    @property
    def endpoint(self) -> str:
        """The URL clients use."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def access(self) -> EtcdAccess:
        """The access of a client without a user."""
        return EtcdAccess(endpoints=(self.endpoint,), ca_cert_file=self.tls.authority if self.tls else "")

    @property
    def peer_url(self) -> str:
        """The URL the other members of a cluster use."""
        return f"http://127.0.0.1:{self._peer_port}"

    def start(self) -> Self:
        """Start, or start again with the data it had, and wait until it is healthy."""
        self.launch_member(self._peers or {self.member: self.peer_url})
        self.wait_healthy()
        return self

    def launch_member(self, peers: Mapping[str, str]) -> None:
        """Start as one member of a cluster, given as peer URL by member name; it waits for a majority of them."""
        self._peers, peer = peers, self.peer_url
        cluster = ",".join(f"{member}={url}" for member, url in peers.items())
        command = ["etcd", f"--name={self.member}", f"--data-dir={self.directory / 'data'}"]
        command += ["--logger=zap", "--log-level=warn"]
        command += [f"--listen-client-urls={self.endpoint}", f"--advertise-client-urls={self.endpoint}"]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        command += [f"--max-txn-ops={PUTS}", f"--initial-cluster={cluster}", *(ALONE if len(peers) == 1 else ())]
        if self.tls:
            command += [f"--cert-file={self.tls.certificate}", f"--key-file={self.tls.key}"]
            if self._knows_clients:
                command += [f"--trusted-ca-file={self.tls.authority}", "--client-cert-auth"]
        self.launch(command_in(self._namespace, command))

    def wait_healthy(self) -> None:
        """Wait until it answers; a member of a cluster, until there is a leader."""
        health = f"{self.endpoint}/health"
        self.wait(lambda: answers(health, namespace=self._namespace, tls=self._context), "healthy")

    def put(self, key: str, value: object) -> int:
        """Write a key; returns the revision."""
        return self._revision(self._call("kv/put", **_entry(key, value)))

    def put_all(self, values: Mapping[str, object]) -> int:
        """Write many keys, `PUTS` to a transaction; returns the last revision."""
        revision = 0
        puts = [{"requestPut": _entry(key, value)} for key, value in values.items()]
        for start in range(0, len(puts), PUTS):
            revision = self._revision(self._call("kv/txn", success=puts[start : start + PUTS]))
        return revision

    def delete(self, key: str) -> int:
        """Delete a key; returns the revision."""
        return self._revision(self._call("kv/deleterange", key=_encoded(_path(key))))

    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with a prefix; returns the revision."""
        return self._revision(self._call("kv/deleterange", **_range(prefix)))

    def compact(self, revision: int) -> None:
        """Forget the history before a revision: watches from there are refused."""
        self._call("kv/compaction", revision=revision, physical=True)

    def require_password(self, *readable_kinds: str) -> Self:
        """Turn authentication on: user `reader` with PASSWORD may read these kinds, or the whole prefix if none."""
        for name in ("root", "reader"):
            self._call("auth/user/add", name=name, password=PASSWORD)
            self._call("auth/role/add", name=name)
            self._call("auth/user/grant", user=name, role=name)
        for kind in readable_kinds or ("",):
            self.grant(kind)
        self._call("auth/enable")
        self._token = self._call("auth/authenticate", name="root", password=PASSWORD)["token"]
        return self

    def grant(self, kind: str) -> None:
        """Let `reader` read one more kind, or all for an empty text."""
        self._call(
            "auth/role/grant", name="reader", perm={"permType": "READ", **_range(f"{kind}/" if kind else PREFIX)}
        )

    @property
    def revision(self) -> int:
        """The latest."""
        return self._revision(self._call("kv/range", key=_encoded("x")))

    def _call(self, method: str, **request: object) -> Any:
        body = json.dumps(request).encode()
        url, headers = f"{self.endpoint}/v3/{method}", {"Authorization": self._token} if self._token else {}
        answer = fetch(url, namespace=self._namespace, headers=headers, body=body, tls=self._context)
        if answer.status != 200:
            raise RuntimeError(f"etcd refused {method} with {answer.status}: {answer.text}")
        return json.loads(answer.body)

    @staticmethod
    def _revision(answer: Any) -> int:
        return int(answer["header"]["revision"])


def _path(key: str) -> str:
    return key if key.startswith("/") else PREFIX + key


def _entry(key: str, value: object) -> dict[str, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    return {"key": _encoded(_path(key)), "value": _encoded(text)}


def _range(prefix: str) -> dict[str, str]:
    """All keys that begin with a prefix; etcd names the first and the one after the last."""
    path = _path(prefix)
    return {"key": _encoded(path), "range_end": _encoded(path[:-1] + chr(ord(path[-1]) + 1))}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
