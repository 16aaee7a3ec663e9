"""Three etcd members that are one cluster."""

from __future__ import annotations

from contextlib import ExitStack

from tests.node.etcd import Etcd
from tests.node.namespace import Namespace


class EtcdCluster:
    """Starts the members together, since none is healthy without a second."""

    def __init__(self, namespace: Namespace) -> None:
        self._parts = ExitStack()
        self._members = [Etcd(namespace=namespace, member=f"member-{number}") for number in range(3)]

    def __enter__(self) -> list[Etcd]:
        peers = {member.member: member.peer_url for member in self._members}
        for member in self._members:
            self._parts.enter_context(member)
            member.launch_member(peers)
        for member in self._members:
            member.wait_healthy()
        return self._members

    def __exit__(self, *_: object) -> None:
        self._parts.close()
