"""Loading and reading the filter table of a namespace with either backend of iptables."""

from __future__ import annotations

from tests.node.namespace import Namespace

BACKENDS = ("legacy", "nft")


def load(namespace: Namespace, ruleset: str, backend: str, ip_version: int = 4) -> None:
    """Write a ruleset as Felix does: what it does not mention stays, counters start at zero."""
    _restore(namespace, backend, ip_version, "--noflush", text=ruleset)


def clear(namespace: Namespace, backend: str, ip_version: int = 4) -> None:
    """Remove all rules and chains of the filter table."""
    _restore(namespace, backend, ip_version, text="*filter\nCOMMIT\n")


def set_counters(namespace: Namespace, dump: str, backend: str, ip_version: int = 4) -> None:
    """Replace the whole filter table by a dump, with the dump's counters.

    Raises ValueError for IPv6 with nft: `ip6tables-nft-restore` (1.8.9) reads counters and sets zeros.
    """
    if ip_version == 6 and backend == "nft":
        raise ValueError("ip6tables-nft-restore cannot set counters: send packets instead")
    _restore(namespace, backend, ip_version, "--counters", text=dump)


def save(namespace: Namespace, backend: str, ip_version: int = 4) -> str:
    """The filter table as `iptables-save -c` prints it."""
    return namespace.run(_program(ip_version, backend, "save"), "-c", "-t", "filter")


def with_names(dump: str) -> str:
    """A dump as iptables up to 1.8.9 prints it: later ones name few protocols."""
    return dump.replace(" -p 4 ", " -p ipencap ")


def rules(dump: str) -> dict[str, list[str]]:
    """The rule lines of a dump by chain, with their counters."""
    chains: dict[str, list[str]] = {}
    for line in with_names(dump).splitlines():
        if line.startswith("["):
            chains.setdefault(line.split(" ")[2], []).append(line)
    return chains


def _restore(namespace: Namespace, backend: str, ip_version: int, *options: str, text: str) -> None:
    """As Felix does it: waiting for the xtables lock, which a reader may hold."""
    namespace.run(_program(ip_version, backend, "restore"), "--wait", "10", *options, text=text)


def _program(ip_version: int, backend: str, verb: str) -> str:
    return f"{'ip6tables' if ip_version == 6 else 'iptables'}-{backend}-{verb}"
