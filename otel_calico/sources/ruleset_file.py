"""A saved `iptables-save -c` or `nft -j list table ip calico` as a source: what a user mails in.

`-` is standard input.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Sequence

from otel_calico.files import LARGEST_DUMP, STANDARD_INPUT, read_bounded
from otel_calico.saved.choice import choose
from otel_calico.saved.decoding import UnreadableError, decoded
from otel_calico.saved.other_output import described
from otel_calico.saved.prefixes import without_prefixes
from otel_calico.saved.tables import SavedTable, tables_in
from otel_calico.sources.ruleset_source import Dump, GivenRules, SourceError

_NO_CHAINS = (
    "has no chains of Calico's (cali-…): save it on a node where calico-node runs, and from where its Felix writes: "
    "`iptables-nft-save -c`, `iptables-legacy-save -c` and `nft -j list table ip calico` may stand in one file"
)


class FileSource(GivenRules):
    """A source over one file, read anew for every scan. The file may hold the rules of both IP versions.

    `settings` are the backends that Felix's settings name, `endpoints` tells the interfaces of the workloads that the
    datastore has; both help to choose among tables of several backends.
    """

    backend = "file"

    def __init__(
        self, path: str, settings: Collection[str] = (), endpoints: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._path = path
        self._name = "standard input" if path == STANDARD_INPUT else path
        self._input: bytes | None = None
        self._settings = settings
        self._endpoints = endpoints

    def read(self) -> Sequence[Dump]:
        """The file's dumps; `notes` say which of several tables count. Raises SourceError and DumpError."""
        text = self._text()
        choice = choose(tables_in(without_prefixes(text)), frozenset(self._endpoints()), self._settings)
        self.notes, self.in_force = choice.notes, choice.in_force
        if not choice.tables:
            raise SourceError("empty", f"{self._name} {described(text)}")
        if not any(table.is_calicos for table in choice.tables):
            raise SourceError("no_calico_chains", f"{self._name} {_NO_CHAINS}")
        self.former = {backend: list(map(_dump, tables)) for backend, tables in choice.former.items()}
        return [*map(_dump, choice.tables), *map(_dump, choice.beside)]

    def _text(self) -> str:
        try:
            return decoded(self._bytes(), LARGEST_DUMP)
        except UnreadableError as error:
            kind = "too_large" if error.too_large else "empty"
            raise SourceError(kind, f"{self._name} {error}") from None

    def _bytes(self) -> bytes:
        if self._input is not None:
            return self._input
        try:
            data = read_bounded(self._path, LARGEST_DUMP)
        except FileNotFoundError:
            raise SourceError("missing_file", f"{self._path} does not exist") from None
        except OSError as error:
            kind = "too_large" if error.errno == errno.EFBIG else "no_permission"
            raise SourceError(kind, f"{self._name} cannot be read: {error.strerror}") from None
        if self._path == STANDARD_INPUT:
            self._input = data  # it can be read only once
        return data


def _dump(table: SavedTable) -> Dump:
    return Dump(table.ip_version, table.text, table=table.name)
