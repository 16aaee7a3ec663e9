"""A real etcd on 127.0.0.1, written to through its JSON gateway."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program, free_port
from tests.node.web import answers, fetch

ALONE = ("--heartbeat-interval=10", "--election-timeout=100")
"""For a cluster of one member: it waits a tenth of a second for others that might lead, not one."""


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Paths of PEM files; clients must show a certificate of the same authority."""

    authority: str
    certificate: str
    key: str


class Etcd(Program):
    """One etcd member that keeps its data while it is stopped and started again."""

    def __init__(self, tls: TLSFiles | None = None, namespace: Namespace | None = None, member: str = "test") -> None:
        super().__init__("etcd")
        self.member = member
        self._peers: Mapping[str, str] = {}
        self._tls = tls
        self._namespace = namespace
        self._client_port, self._peer_port = free_port(), free_port()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.create_default_context(cafile=tls.authority)
            self._context.load_cert_chain(tls.certificate, tls.key)

    @property
    def endpoint(self) -> str:
        """The URL clients use."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._client_port}"

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
        command += [f"--initial-cluster={cluster}", *(ALONE if len(peers) == 1 else ())]
        if self._tls:
            command += [f"--cert-file={self._tls.certificate}", f"--key-file={self._tls.key}"]
            command += [f"--trusted-ca-file={self._tls.authority}", "--client-cert-auth"]
        self.launch(command_in(self._namespace, command))

    def wait_healthy(self) -> None:
        """Wait until it answers; a member of a cluster, until there is a leader."""
        health = f"{self.endpoint}/health"
        self.wait(lambda: answers(health, namespace=self._namespace, tls=self._context), "healthy")

    def put(self, key: str, value: str) -> int:
        """Write a key; returns the revision."""
        return self._revision(self._call("kv/put", key=_encoded(key), value=_encoded(value)))

    def put_all(self, values: dict[str, str]) -> int:
        """Write many keys, 100 to a transaction; returns the last revision."""
        revision = 0
        items = list(values.items())
        for start in range(0, len(items), 100):
            puts = [{"requestPut": {"key": _encoded(k), "value": _encoded(v)}} for k, v in items[start : start + 100]]
            revision = self._revision(self._call("kv/txn", success=puts))
        return revision

    def delete(self, key: str) -> int:
        """Delete a key; returns the revision."""
        return self._revision(self._call("kv/deleterange", key=_encoded(key)))

    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with a prefix; returns the revision."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return self._revision(self._call("kv/deleterange", key=_encoded(prefix), range_end=_encoded(end)))

    def compact(self, revision: int) -> None:
        """Forget the history before a revision: watches from there are refused."""
        self._call("kv/compaction", revision=revision, physical=True)

    def _call(self, method: str, **request: object) -> Any:
        body = json.dumps(request).encode()
        answer = fetch(f"{self.endpoint}/v3/{method}", namespace=self._namespace, body=body, tls=self._context)
        if answer.status != 200:
            raise RuntimeError(f"etcd refused {method} with {answer.status}: {answer.text}")
        return json.loads(answer.body)

    @staticmethod
    def _revision(answer: Any) -> int:
        return int(answer["header"]["revision"])


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
