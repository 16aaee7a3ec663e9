"""Pods and other hosts: a namespace of their own at the end of a veth pair.

Addresses of the peers' network cards are fixed and known to both ends, so that no neighbour discovery mixes with
the packets a test counts.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from typing import Self

from tests.node.namespace import Namespace

_HOST_CARD = "ee:ee:ee:ee:ee:ee"  # Calico's own choice for its host interfaces
_GATEWAY_V4, _GATEWAY_V6 = "169.254.1.1", "fe80::1"
_PAYLOAD = b"\0" * 32  # makes 60 bytes in IPv4, 80 in IPv6
_SETTLE = 0.02  # seconds for the kernel to carry the last packet to its end


class Pod:
    """A host behind one interface of a node. A policed pod if the interface is named like Calico's, else outside.

    It swallows UDP datagrams to `sink` ports in silence and accepts TCP there; others are answered by ICMP errors,
    which count as RELATED packets from the pod.
    """

    def __init__(self, node: Namespace, interface: str, ipv4: str, ipv6: str, sink: Sequence[int] = ()) -> None:
        self.interface = interface
        self.addresses = {4: ipv4, 6: ipv6}
        self.namespace = Namespace()
        self._sockets: list[socket.socket] = []
        try:
            self._connect(node)
            for port in sink:
                self._bind(port)
        except BaseException:
            self.close()
            raise

    def send_udp(self, target: Pod, port: int, count: int, ip_version: int = 4) -> None:
        """Send datagrams to a port, each from a port of its own: none belongs to a known connection."""
        for _ in range(count):
            with self._socket(ip_version, socket.SOCK_DGRAM) as sender:
                sender.sendto(_PAYLOAD, (target.addresses[ip_version], port))
        time.sleep(_SETTLE)

    def send_syn(self, target: Pod, port: int, count: int, ip_version: int = 4) -> None:
        """Begin TCP connections, each with one SYN, and give them up at once."""
        attempts = [self._socket(ip_version, socket.SOCK_STREAM) for _ in range(count)]
        for attempt in attempts:
            attempt.setblocking(False)  # noqa: FBT003 - the name of the standard library
            attempt.connect_ex((target.addresses[ip_version], port))
        time.sleep(_SETTLE)
        for attempt in attempts:
            attempt.close()
        time.sleep(_SETTLE)

    def close(self) -> None:
        """Remove the pod; the node's end of its veth pair goes with it."""
        for sink in self._sockets:
            sink.close()
        self.namespace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, node: Namespace) -> None:
        name, card = self.interface, _card(self.addresses[4])
        node.run("sh", "-euc", f"""
            ip link add {name} address {_HOST_CARD} type veth peer eth0 address {card} netns {self.namespace.pid}
            ip link set {name} addrgenmode none up
            ip route add {self.addresses[4]}/32 dev {name}
            ip neighbour add {self.addresses[4]} lladdr {card} dev {name} nud permanent
            ip route add {self.addresses[6]}/128 dev {name}
            ip neighbour add {self.addresses[6]} lladdr {card} dev {name} nud permanent
        """)  # fmt: skip
        self.namespace.run("sh", "-euc", f"""
            ip link set eth0 addrgenmode none up
            ip address add {self.addresses[4]}/32 dev eth0
            ip address add {self.addresses[6]}/128 dev eth0 nodad
            ip neighbour add {_GATEWAY_V4} lladdr {_HOST_CARD} dev eth0 nud permanent
            ip route add default via {_GATEWAY_V4} dev eth0 onlink
            ip neighbour add {_GATEWAY_V6} lladdr {_HOST_CARD} dev eth0 nud permanent
            ip route add default via {_GATEWAY_V6} dev eth0 onlink
        """)  # fmt: skip

    def _bind(self, port: int) -> None:
        for ip_version in (4, 6):
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                sink = self._socket(ip_version, kind)
                self._sockets.append(sink)
                sink.bind((self.addresses[ip_version], port))
                if kind is socket.SOCK_STREAM:
                    sink.listen(128)

    def _socket(self, ip_version: int, kind: socket.SocketKind) -> socket.socket:
        return self.namespace.socket(socket.AF_INET if ip_version == 4 else socket.AF_INET6, kind)


def _card(ipv4: str) -> str:
    """An address for the network card of the host with an IP address."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(ipv4).packed)
