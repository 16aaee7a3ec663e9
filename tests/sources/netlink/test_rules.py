"""Rules of every kind, Felix's and others': what they say over netlink is what nft's JSON of them says."""

from __future__ import annotations

import pytest

from otel_calico.calico.model import IPVersion
from tests.node.namespace import Namespace
from tests.node.nftables import load_table
from tests.ruleset.contents import told
from tests.sources.netlink.both_ways import listed, read

pytestmark = pytest.mark.node

TABLE = """
add table FAMILY calico
add chain FAMILY calico filter-cali-a
add chain FAMILY calico filter-cali-other
add chain FAMILY calico filter-FORWARD { type filter hook forward priority 0; }
add rule FAMILY calico filter-FORWARD counter packets 3 bytes 180 jump filter-cali-FORWARD
add set FAMILY calico addresses { type ADDRESSES; elements = { ADDRESS } }
add set FAMILY calico learned { type ADDRESSES; flags dynamic; }
add map FAMILY calico dispatch { type ifname : verdict; }
add counter FAMILY calico named
"""

RULES = """
counter accept
counter drop
counter return
counter jump filter-cali-other
counter goto filter-cali-other
counter continue
counter reject
counter reject with icmp type admin-prohibited
tcp dport 80 counter reject with tcp reset
counter reject with tcp reset
counter notrack
drop
accept
continue
meta mark set 1
counter
counter meta mark set mark or 0x10000
counter meta mark set mark and 0xfffeffff
counter meta mark set mark & 0xfff0ffff ^ 0x30000
counter meta mark set mark xor 0x5
counter meta mark set 0x7
counter meta mark set mark and 0
counter ct mark set mark
counter meta mark set ct mark
counter meta mark set mark << 4
counter meta priority set 1:2
counter meta nftrace set 1
counter ip dscp set cs1
counter tcp option maxseg size set 1000
meta mark 0x10 counter accept
meta mark != 0x10 counter accept
meta mark & 0x10000 == 0x10000 counter accept
meta mark & 0x10000 != 0x10000 counter accept
meta mark & 0x10000 == 0 counter accept
meta mark & 0x10000 != 0 counter accept
meta mark and 0x30000 == 0x10000 counter accept
meta mark 1-5 counter accept
meta mark != 1-5 counter accept
meta mark > 5 counter accept
meta mark { 1, 2 } counter accept
meta mark . ip saddr { 1 . 10.0.0.1 } counter accept
meta mark xor 5 == 3 counter accept
ct state established counter accept
ct state established,related counter accept
ct state related,established,new,untracked counter accept
ct state invalid counter drop
ct state != established counter accept
ct state != { established, related } counter accept
ct state { established, related } counter accept
ct state == established counter accept
ct state & (established|related) == established counter accept
ct state ! established counter accept
ct mark 5 counter accept
ct status dnat counter accept
ct state vmap { established : accept, invalid : drop }
counter ct state vmap { established : accept, invalid : drop }
ip protocol tcp counter accept
meta l4proto tcp counter accept
tcp dport { 80, 443 } counter accept
tcp dport 80-90 counter accept
ip saddr 10.0.0.0/8 counter accept
ip saddr @addresses counter accept
ip saddr != @addresses counter accept
iifname "cali*" counter accept
iifname "cali12345" counter accept
iifname vmap @dispatch
counter iifname vmap @dispatch
fib saddr . iif oif missing counter drop
fib daddr type local counter accept
limit rate 10/second counter accept
limit rate over 10/second counter drop
counter limit rate over 10/second burst 5 packets drop
counter limit rate over 10/second drop
ct count over 5 counter reject
counter ct count over 5 reject
counter quota over 100 mbytes drop
quota over 100 mbytes counter drop
counter ip saddr 1.2.3.4 drop
counter meta mark 5 drop
counter ct state new drop
counter log prefix "calico-packet: " level info
counter log prefix "DPI|default" snaplen 80 group 1
counter log
counter log group 2
counter log level debug
log prefix "x" counter
counter log prefix "a" group 1 drop
counter accept comment "cali:AAAAAAAAAAAAAAAA; a text"
counter accept comment "cali:AAAAAAAAAAAAAAAB;"
counter accept comment "nobody's é ü"
counter drop comment "cali:AAAAAAAAAAAAAAAC; End of tier default. Drop if no policies passed packet"
counter packets 18446744073709551615 bytes 18446744073709551615 accept
counter packets 9223372036854775808 bytes 1 accept
counter packets 1 bytes 9223372036854775807 accept
counter counter accept
counter packets 3 bytes 5 counter packets 7 bytes 9 accept
counter name "named" accept
counter snat to 1.2.3.4
counter dnat to 1.2.3.4
counter masquerade
counter dup to 1.2.3.4
counter set update ip saddr @learned
counter add @learned { ip saddr }
counter synproxy mss 1460
counter meta pkttype broadcast drop
socket transparent 1 counter accept
rt mtu 5 counter accept
numgen random mod 2 0 counter accept
jhash ip saddr mod 2 0 counter accept
osf name "Linux" counter accept
ct helper "ftp" counter accept
ct zone 5 counter accept
ct original saddr 1.2.3.4 counter accept
meta time > "2030-01-01" counter accept
meta hour 1:00-2:00 counter accept
icmp type echo-request counter accept
ip length 20-30 counter accept
@th,0,16 80 counter accept
meta mark set numgen inc mod 2 counter
counter meta mark set ip saddr map { 1.2.3.4 : 5 }
counter meta mark set jhash ip saddr mod 5
meta cgroup 5 counter accept
ipsec in reqid 1 counter accept
tcp flags syn counter accept
tcp flags & (syn|ack) == syn counter accept
tcp option maxseg size 5 counter accept
meta skuid 5 counter accept
iif lo counter accept
ct expiration 5s counter accept
ct bytes > 5 counter accept
counter ct event set new
counter meta mark & 0xff == 0x1 meta mark set mark or 0x2
meta mark & 0xff == 0x1 meta mark & 0xff00 == 0x100 counter accept
ct state new meta mark 5 counter accept
counter meta mark set meta mark
"""


def written(rules: list[str], version: IPVersion) -> str:
    """The table with these rules in one chain."""
    lines = [*TABLE.splitlines(), *(f"add rule FAMILY calico filter-cali-a {rule}" for rule in rules)]
    lines.insert(2, "add chain FAMILY calico filter-cali-FORWARD")
    script = "\n".join([*lines, ""])
    family, kind, address = (
        ("ip6", "ipv6_addr", "fd00::1") if version is IPVersion.V6 else ("ip", "ipv4_addr", "1.2.3.4")
    )
    return script.replace("FAMILY", family).replace("ADDRESSES", kind).replace("ADDRESS", address)


def of_ipv6(rule: str) -> bool:
    """True if a rule speaks of nothing that only IPv4 has."""
    return not any(word in rule for word in ("ip ", "icmp", "1.2.3.4"))


@pytest.mark.parametrize("version", IPVersion)
def test_every_rule_says_the_same_in_both_ways(namespace: Namespace, version: IPVersion) -> None:
    rules = [rule for rule in RULES.strip().splitlines() if version is IPVersion.V4 or of_ipv6(rule)]
    load_table(namespace, written(rules, version))
    found = read(namespace, version=version)
    chain = told(found.ruleset)["chains"]
    assert isinstance(chain, dict)
    assert len(chain["cali-a"]["rules"]) == len(rules)
    assert told(found.ruleset) == told(listed(namespace, version))
    assert found.entered == 3


def test_rules_written_twice_count_together_in_both_ways(namespace: Namespace) -> None:
    twice = 'counter packets 18446744073709551615 bytes 7 drop comment "cali:AAAAAAAAAAAAAAAA; once"'
    load_table(
        namespace, written([twice, "counter accept", twice, "counter packets 2 bytes 9 return", twice], IPVersion.V4)
    )
    found = read(namespace).ruleset
    assert told(found) == told(listed(namespace))
    assert (found.repeated, found.chains["cali-a"].counters([0])) == (2, [(2**64 - 1, 21)])
