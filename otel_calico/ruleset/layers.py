"""The tables `raw` and `mangle` within native nftables: layers of Felix's one table `calico`.

There a chain is named for its layer, `raw-cali-PREROUTING` (`felix/nftables/table_layer.go`). A ruleset that was read
of table `calico` has the chains of layer `filter` under their bare names, those of other layers under whole ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_calico.calico.model import Table
from otel_calico.ruleset.ruleset import Layout, Ruleset, declared_in_layer, natively_declared

_PREFIXES = {table: f"{table.value}-" for table in Table}
CALICO_CHAINS = tuple(f"{prefix}cali-" for prefix in _PREFIXES.values())

OTHER_LAYERS = (Table.RAW, Table.MANGLE)


def key_of(name: str) -> str:
    """Under which name a ruleset has a chain that the kernel calls so."""
    return name.removeprefix(_PREFIXES[Table.FILTER])


def bare_name(name: str) -> str:
    """The name of a chain of Calico's without its layer; other chains are called as in a ruleset."""
    return name.partition("-")[2] if name.startswith(CALICO_CHAINS) else key_of(name)


class Layer:
    """One of the other layers, scan after scan; what did not change are the same objects as before."""

    def __init__(self, table: Table) -> None:
        self._prefix = _PREFIXES[table]
        self._seen: Mapping[str, Layout] = {}
        self._declared_in = ""
        self._keys: Mapping[str, str] = {}  # of the whole ruleset, by bare name
        self._layouts: Mapping[str, Layout] = {}
        self._declared = ""

    def of(self, whole: Ruleset) -> Ruleset:
        """The layer's chains. Its rules are counted in the whole, with those that could not be read."""
        if whole.layouts is not self._seen:
            self._seen = whole.layouts
            start = f"{self._prefix}cali-"
            self._keys = {name.removeprefix(self._prefix): name for name in whole.layouts if name.startswith(start)}
            layouts = {name: whole.layouts[key] for name, key in self._keys.items()}
            if layouts != self._layouts:  # layouts are compared by identity
                self._layouts = layouts
        if whole.declared != self._declared_in:
            self._declared_in = whole.declared
            names = declared_in_layer(whole.declared, self._prefix)
            self._declared = natively_declared(f"{_PREFIXES[Table.FILTER]}{name}" for name in names)
        chains = {name: whole.chains[key] for name, key in self._keys.items()}
        return Ruleset(chains, self._layouts, self._declared)
