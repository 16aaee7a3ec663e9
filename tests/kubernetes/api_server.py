"""A Kubernetes API server for tests: the real rules of list and watch over plain HTTP or TLS, on 127.0.0.1.

Lists come in pages with continue tokens that expire; a list with `resourceVersion=0` comes from the cache in one
piece. Watches resume after a revision, send bookmarks, end after `timeoutSeconds`, and are refused with 410 when their
revision is compacted. Field selectors, tokens, RBAC and absent groups are as in a cluster; the rest are faults that
tests ask for.

    python -m tests.kubernetes.api_server PORT OBJECTS.json [CERTIFICATE.pem TOKEN]
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.kubernetes.handler import Handler
from tests.kubernetes.store import Store

CRD, NATIVE, POLICY = "crd.projectcalico.org", "projectcalico.org", "policy.networking.k8s.io"
CALICO = ("networkpolicies", "globalnetworkpolicies", "hostendpoints", "clusterinformations")
RESOURCES = {
    "/api/v1/pods": "pods",
    "/apis/networking.k8s.io/v1/networkpolicies": "networkpolicies.networking.k8s.io",
    **{f"/apis/{CRD}/v1/{plural}": f"{plural}.{CRD}" for plural in CALICO},
    **{f"/apis/{NATIVE}/v3/{plural}": f"{plural}.{NATIVE}" for plural in CALICO},
    **{f"/apis/{POLICY}/v1alpha1/{kind}adminnetworkpolicies": f"{kind}adminnetworkpolicies.{POLICY}"
       for kind in ("", "baseline")},
    f"/apis/{POLICY}/v1alpha2/clusternetworkpolicies": f"clusternetworkpolicies.{POLICY}",
}  # fmt: skip
"""What it serves, by path."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as RBAC sees it, its parameters, and the status it got."""

    verb: str
    resource: str
    parameters: Mapping[str, str]
    status: int


@dataclass
class Behaviour:
    """What tests change while the server runs."""

    groups: set[str] = field(default_factory=lambda: {"networking.k8s.io", CRD, POLICY})
    absent: set[str] = field(default_factory=set)  # resources that answer 404 though their group is there
    not_found: Any = b"404 page not found\n"  # what they answer
    tokens: set[str] | None = None  # those accepted; None: nobody is asked
    discovery: bool = True  # everybody may see the groups, as ClusterRole system:discovery grants
    anonymous: bool = False  # nobody without a token is let in, and all are answered as `system:anonymous`
    rules: list[dict[str, list[str]]] | None = None  # RBAC; None: all is allowed
    cache_ignores_limit: bool = True
    refuse_continue: int = 0  # so many continue tokens are expired when they are shown
    gone_as_status: bool = False  # a watch too old is refused before it begins, not by an event
    throttled: int = 0  # so many requests get 429 with
    retry_after: str = "1"
    bookmark_every: float = 60
    delay: float = 0  # seconds before each answer


class ApiServer:
    """Serves a store until the block ends."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.store = Store()
        self.behaviour = Behaviour()
        self.asked: list[Asked] = []
        self.sent = 0  # bytes of bodies
        self.streams: list[Handler] = []
        self.stopping = threading.Event()
        self._tls = tls
        self._port = port
        self._http: Listener | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Listen, on the port it had before if it was started before."""
        self.stopping.clear()
        self._http = Listener(("127.0.0.1", self._port), type("Bound", (Handler,), {"api": self}))
        self._port = self._http.server_address[1]
        if self._tls:
            self._http.socket = self._tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="api-server").start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; what is stored stays."""
        self.stopping.set()
        if self._http is not None:
            self._http.shutdown()
            with self.store.changed:
                self.store.changed.notify_all()
            self._http.cut_connections()
            self._http.server_close()  # waits for the threads
            self._http = None

    def end_streams(self, resource: str, last_words: bytes = b"", *, whole: bool = False) -> None:
        """Send last words to the watches of a resource and end them: in order if `whole`, else by a cut."""
        for stream in [one for one in self.streams if one.resource == resource]:
            stream.end_stream(last_words, whole=whole)

    def requests(self, verb: str, resource: str) -> list[Asked]:
        """What was asked so far."""
        return [one for one in self.asked if (one.verb, one.resource) == (verb, resource)]

    def allows(self, verb: str, resource: str) -> bool:
        """Whether RBAC lets the caller."""
        plural, _, group = resource.partition(".")
        return self.behaviour.rules is None or any(
            verb in rule["verbs"] and plural in rule["resources"] and group in rule["apiGroups"]
            for rule in self.behaviour.rules
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Listener(ThreadingHTTPServer):
    """Keeps its connections, so that they can be cut."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._connections: list[Any] = []
        super().__init__(*arguments)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def cut_connections(self) -> None:
        for connection in self._connections:
            Handler.cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main(port: str, file: str, certificate: str = "", token: str = "") -> None:
    objects: Iterable[Mapping[str, Any]] = json.loads(Path(file).read_text())
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with ApiServer(tls, int(port)) as server:
        server.behaviour.tokens = {token} if token else None
        server.store.put(*objects)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
