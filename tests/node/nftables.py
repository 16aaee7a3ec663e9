"""Loading and reading the table `calico` of a namespace."""

from __future__ import annotations

from tests.node.namespace import Namespace

FAMILIES = {4: "ip", 6: "ip6"}


def load_table(namespace: Namespace, script: str) -> None:
    """Run a script of nft as one transaction."""
    namespace.run("nft", "-f", "-", text=script)


def delete_table(namespace: Namespace, ip_version: int = 4) -> None:
    """Remove the table and all that is in it."""
    namespace.run("nft", "delete", "table", FAMILIES[ip_version], "calico")


def list_table(namespace: Namespace, ip_version: int = 4) -> str:
    """The table as `nft -j -t` prints it."""
    return namespace.run("nft", "-j", "-t", "list", "table", FAMILIES[ip_version], "calico")
