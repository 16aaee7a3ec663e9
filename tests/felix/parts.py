"""The matches and targets Felix uses (`felix/iptables/match_builder.go`, `felix/iptables/actions.go`)."""

from __future__ import annotations

import base64
import hashlib

from otel_calico.calico.model import IPVersion
from tests.felix.rule import Part, quoted

RETURN = Part("--jump RETURN", "-j RETURN")
ACCEPT = Part("--jump ACCEPT", "-j ACCEPT")
DROP = Part("--jump DROP", "-j DROP")
NOTRACK = Part("--jump NOTRACK", "-j NOTRACK")

_LONGEST_SET_NAME = 31
_PROTOCOL_NAMES = {4: "ipencap", 6: "tcp", 17: "udp", 58: "ipv6-icmp"}  # of /etc/protocols


def mark_clear(bits: int) -> Part:
    """None of the bits is set."""
    return Part(f"-m mark --mark 0/{bits:#x}", f"-m mark --mark 0x0/{bits:#x}")


def mark_not_clear(bits: int) -> Part:
    """One of the bits is set."""
    return Part(f"-m mark ! --mark 0/{bits:#x}", f"-m mark ! --mark 0x0/{bits:#x}")


def mark_set(bit: int) -> Part:
    """The bit is set."""
    return _same(f"-m mark --mark {bit:#x}/{bit:#x}")


def mark_not_set(bit: int) -> Part:
    """The bit is not set."""
    return _same(f"-m mark ! --mark {bit:#x}/{bit:#x}")


def conntrack_state(states: str) -> Part:
    """Connection tracking knows the packet as one of the states."""
    return _same(f"-m conntrack --ctstate {states}")


def not_conntrack_state(states: str) -> Part:
    """Connection tracking knows the packet as none of the states."""
    return _same(f"-m conntrack ! --ctstate {states}")


def reverse_path_failed() -> Part:
    """The way back to the source leads through another interface."""
    return Part("-m rpfilter --invert --validmark", "-m rpfilter --validmark --invert")


def protocol(wanted: str | int) -> Part:
    """IP protocol by name or, as a policy may say too, by number; always printed by name."""
    name = wanted if isinstance(wanted, str) else _PROTOCOL_NAMES[wanted]
    return Part(f"-p {wanted}", f"-p {name}")


def icmp_type(number: int) -> Part:
    """Type of an ICMP message."""
    return _same(f"-m icmp --icmp-type {number}")


def icmpv6_type(number: int) -> Part:
    """Type of an ICMPv6 message."""
    return _same(f"-m icmp6 --icmpv6-type {number}")


def source(subnet: str) -> Part:
    """Source address in a subnet."""
    return Part(f"--source {subnet}", f"-s {subnet}")


def source_in_set(selector: str, ip_version: IPVersion) -> Part:
    """Source address among those that a selector stands for (`MakeUniqueID` in `libcalico-go/lib/hash`)."""
    digest = base64.urlsafe_b64encode(hashlib.sha224(f"s:{selector}".encode()).digest()).decode()
    family = "6" if ip_version is IPVersion.V6 else "4"
    return _same(f"-m set --match-set {f'cali{family}0s:{digest}'[:_LONGEST_SET_NAME]} src")


def destination_ports(*ports: int) -> Part:
    """One of up to 15 destination ports."""
    text = ",".join(str(port) for port in ports)
    return Part(f"-m multiport --destination-ports {text}", f"-m multiport --dports {text}")


def in_interface(name: str) -> Part:
    """Came in through an interface; a trailing `+` stands for any rest."""
    return Part(f"--in-interface {name}", f"-i {name}")


def out_interface(name: str) -> Part:
    """Goes out through an interface."""
    return Part(f"--out-interface {name}", f"-o {name}")


def jump(chain: str) -> Part:
    """To a chain and back."""
    return Part(f"--jump {chain}", f"-j {chain}")


def goto(chain: str) -> Part:
    """To a chain, not back to this one."""
    return Part(f"--goto {chain}", f"-g {chain}")


def allow(action: str) -> Part:
    """The filter allow action, `ACCEPT` or `RETURN`."""
    return {"ACCEPT": ACCEPT, "RETURN": RETURN}[action]


def deny(action: str, ip_version: IPVersion) -> Part:
    """The filter deny action, `DROP` or `REJECT`."""
    if action == "DROP":
        return DROP
    icmp = "icmp-port-unreachable" if ip_version is IPVersion.V4 else "icmp6-port-unreachable"
    return Part("--jump REJECT", f"-j REJECT --reject-with {icmp}")


def set_mark(bits: int) -> Part:
    """Set bits of the mark."""
    return set_masked_mark(bits, bits)


def set_masked_mark(bits: int, mask: int) -> Part:
    """Set the bits of a mask to a value."""
    return Part(f"--jump MARK --set-mark {bits:#x}/{mask:#x}", f"-j MARK --set-xmark {bits:#x}/{mask:#x}")


def clear_mark(bits: int) -> Part:
    """Clear bits of the mark."""
    return Part(f"--jump MARK --set-mark 0/{bits:#x}", f"-j MARK --set-xmark 0x0/{bits:#x}")


def limited_mark(per_second: int, burst: int, bit: int) -> Part:
    """Set a bit while the rate is kept. Felix writes the match as part of the target."""
    limit = f"-m limit --limit {per_second}/sec --limit-burst {burst}"
    mark = set_mark(bit)
    return Part(f"{limit} {mark.written}", f"{limit} {mark.printed}")


def nflog(group: int, prefix: str) -> Part:
    """Copy the packet to user space."""
    return Part(
        f"--jump NFLOG --nflog-group {group} --nflog-prefix {prefix} --nflog-size 80",
        f"-j NFLOG --nflog-prefix {quoted(prefix)} --nflog-group {group} --nflog-size 80",
    )


def log(prefix: str) -> Part:
    """Write to the kernel log."""
    text = f'LOG --log-prefix "{prefix}" --log-level 5'
    return Part(f"--jump {text}", f"-j {text}")


def _same(text: str) -> Part:
    return Part(text, text)
