"""Real packets to and from every pod of a node, put into the ends of their veth pairs.

Rules of nftables count only what they meet, so where counters are to move packets must pass. All pods live in the
node's own namespace: a packet that is put into the far end of a pair comes to the node as if the pod had sent it, and
one that comes out there is nobody's.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from otel_calico.calico.model import Direction
from tests.end_to_end.cluster import Workload
from tests.felix import Endpoint
from tests.node.namespace import Namespace

_HOST_CARD, _NOBODYS_CARD = "ee:ee:ee:ee:ee:ee", "02:00:00:00:00:01"
_UPLINK, _OUTSIDE = "uplink", "198.51.100.1"
_IPV4, _TCP = 0x0800, 6
_SYN, _SYN_ACK, _ACK = 0x02, 0x12, 0x10
_NO_POLICY = 7  # a port that no policy speaks of
_FIRST_PORT = 10_000
_SETUP = """
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
sysctl -q -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
"""
_CONNECTIONS = """
sysctl -q -w net.netfilter.nf_conntrack_checksum=0 net.netfilter.nf_conntrack_tcp_timeout_syn_sent=1
"""


@dataclass(frozen=True, slots=True)
class _End:
    """One side of a connection: the far end of its veth pair, and its address."""

    interface: str
    address: bytes


class Packets:
    """Sends as `benchmarks.traffic` describes it, to and from the pods that are asked for."""

    def __init__(self, namespace: Namespace, workloads: Sequence[Workload]) -> None:
        """Make the pairs."""
        self._namespace = namespace
        self._outside = _End("far-uplink", socket.inet_aton(_OUTSIDE))
        self._pods = {each.interface: _End(f"far{place}", _address(each)) for place, each in enumerate(workloads)}
        namespace.run("sh", "-euc", _SETUP)
        pairs = [(_UPLINK, self._outside), *self._pods.items()]
        commands = "\n".join(line for name, end in pairs for line in _pair(name, end))
        namespace.run("ip", "-batch", "-", text=commands)
        self._port = _FIRST_PORT
        self._number = 0

    def send(self, endpoints: Iterable[Endpoint]) -> None:
        """A connection that is established and goes on both ways, and to each port that a policy speaks of and to one
        that none does a new one, each way, for each of these pods.
        """
        self._namespace.run("sh", "-euc", _CONNECTIONS)  # known when rules of Felix have been loaded
        self._namespace.inside(lambda: self._send(endpoints))

    def _send(self, endpoints: Iterable[Endpoint]) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            for endpoint in endpoints:
                pod = self._pods[endpoint.interface]
                for frame, end in self._frames(endpoint, pod):
                    sender.sendto(frame, (end.interface, _IPV4))

    def _frames(self, endpoint: Endpoint, pod: _End) -> Iterator[tuple[bytes, _End]]:
        for direction in Direction:
            here, there = (self._outside, pod) if direction is Direction.INGRESS else (pod, self._outside)
            ports = [port for policy in endpoint.policies(direction) for rule in policy.rules(direction)
                     for port in rule.ports]  # fmt: skip
            for port in (_NO_POLICY, *ports):
                self._port = self._port + 1 if self._port < 60_000 else _FIRST_PORT
                yield _frame(here, there, self._port, port, _SYN), here
            # The last of them, which a policy allows, is answered and goes on.
            yield _frame(there, here, ports[-1], self._port, _SYN_ACK), there
            yield _frame(here, there, self._port, ports[-1], _ACK), here


def _pair(name: str, end: _End) -> Iterator[str]:
    address = socket.inet_ntoa(end.address)
    yield f"link add {name} address {_HOST_CARD} type veth peer name {end.interface}"
    yield f"link set {name} up"
    yield f"link set {end.interface} up"
    yield f"route add {address}/32 dev {name}"
    yield f"neighbour add {address} lladdr {_NOBODYS_CARD} dev {name} nud permanent"


def _address(workload: Workload) -> bytes:
    return ipaddress.IPv4Address(workload.ipv4).packed


def _frame(sender: _End, receiver: _End, source: int, target: int, flags: int) -> bytes:
    """A TCP segment without content. Nobody checks its checksum."""
    card = bytes.fromhex(_HOST_CARD.replace(":", ""))
    tcp = struct.pack("!HHIIBBHHH", source, target, 1, 1 if flags != _SYN else 0, 5 << 4, flags, 1024, 0, 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, _TCP, 0, sender.address, receiver.address)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return card + bytes(6) + struct.pack("!H", _IPV4) + head + tcp


def _checksum(head: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
