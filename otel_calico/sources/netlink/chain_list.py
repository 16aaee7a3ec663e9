"""The chains of table `calico` of one IP version, in the kernel's order."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.ruleset import natively_declared
from otel_calico.sources.netlink.connection import Connection
from otel_calico.sources.netlink.messages import (
    NetlinkError,
    messages,
    number,
    request,
    string,
    string_attribute,
    values,
)

TABLE = "calico"
FAMILIES = {IPVersion.V4: 2, IPVersion.V6: 10}  # NFPROTO_*
_GET_TABLE, _GET_CHAIN, _GET_RULE = 1, 4, 7  # NFT_MSG_*
_TABLE_NAME, _TABLE_HANDLE = 1, 4  # NFTA_TABLE_*
_CHAIN_TABLE, _CHAIN_HANDLE, _CHAIN_NAME = 1, 2, 3  # NFTA_CHAIN_*
_RULE_TABLE, _RULE_CHAIN = 1, 2  # NFTA_RULE_*


@dataclass(frozen=True, slots=True)
class ChainList:
    """By a chain's name in the kernel the request for its rules.

    `table` is the table's handle, 0 if there is none. `declared` names Calico's chains as `Ruleset` has them.
    `interrupted` is true if rules changed while the list was read, so that it may not be whole.
    """

    table: int = 0
    names: Mapping[int, str] = field(default_factory=dict)  # by handle
    requests: Mapping[str, bytes] = field(default_factory=dict)
    declared: str = ""
    interrupted: bool = False

    def continues(self, former: ChainList) -> bool:
        """True if this is the same table, in which no chain got another name: jumps to it are told by that name."""
        return self.table == former.table and all(
            former.names.get(handle, name) == name for handle, name in self.names.items()
        )


def list_chains(connection: Connection, ip_version: IPVersion, limit: int) -> ChainList:
    """Ask for all chains. Raises NetlinkError."""
    family = FAMILIES[ip_version]
    try:
        answer = connection.ask(request(_GET_TABLE, family, string_attribute(_TABLE_NAME, TABLE)))
    except NetlinkError as error:
        if error.code == errno.ENOENT:
            return ChainList()
        raise
    (table,) = messages(answer)
    handle = number(values(answer, table.start, table.end).get(_TABLE_HANDLE, b""))
    size, interrupted = connection.dump(request(_GET_CHAIN, family, dump=True), limit)
    names: dict[int, str] = {}
    data = bytes(connection.buffer[:size])
    for message in messages(data):
        given = values(data, message.start, message.end)
        if string(given.get(_CHAIN_TABLE, b"")) == TABLE:
            names[number(given.get(_CHAIN_HANDLE, b""))] = string(given.get(_CHAIN_NAME, b""))
    requests = {name: request_for_rules(family, name) for name in names.values()}
    return ChainList(handle, names, requests, natively_declared(requests), interrupted)


def request_for_rules(family: int, chain: str) -> bytes:
    """A request for the rules of a chain, with their counters."""
    where = string_attribute(_RULE_TABLE, TABLE) + string_attribute(_RULE_CHAIN, chain)
    return request(_GET_RULE, family, where, dump=True)
