"""The interface of every printed form of a table, for `parse`.

There are two: `iptables-save -c` (`iptables_save`) and `nft -j list table ip calico` (`nft_list`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from otel_calico.ruleset.rule import Rule

_Text = TypeVar("_Text", bound=Hashable)


class KnownRules(Generic[_Text]):
    """Rules read before, by their text: pods of one kind have the same ones, and share what was read."""

    def __init__(self, read: Callable[[_Text], Rule | None]) -> None:
        """`read` says what a text is; None for one that is no rule."""
        self._read = read
        self._rules: dict[_Text, Rule | None] = {}
        self._chains: dict[tuple[_Text, ...], tuple[Rule | None, ...]] = {}

    def of(self, texts: tuple[_Text, ...]) -> tuple[Rule | None, ...]:
        """The rules of a chain. The same object for the same texts."""
        if texts not in self._chains:
            self._chains[texts] = tuple(map(self._rule, texts))
        return self._chains[texts]

    def _rule(self, text: _Text) -> Rule | None:
        if text not in self._rules:
            self._rules[text] = self._read(text)
        return self._rules[text]


class DumpError(ValueError):
    """The text is no whole table. `kind` is `empty`, `truncated`, `no_counters` or `garbage`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def garbled(chain: str) -> DumpError:
    """A rule of Felix's has counters that are no numbers: passed over, it would seem to have gone and come back."""
    return DumpError("garbage", f"the counters of chain {chain} are no numbers")


class Form(Protocol):
    """How a chain's lines (one for each rule) are written. A counter is the text that stands for both numbers."""

    def line_count(self, text: str) -> int:
        """How many lines there are."""

    def counters_in(self, text: str, lines: int = -1) -> list[str]:
        """The counter of each line, or of so many from the first on."""

    def are_numbers(self, counters: Sequence[str]) -> bool:
        """True if each of them stands for two numbers. The other methods take only such."""

    def packets(self, counters: Iterable[str]) -> list[int]:
        """Packets of each."""

    def numbers(self, counter: str) -> tuple[int, int]:
        """Packets and bytes."""

    def counter(self, packets: int, octets: int) -> str:
        """The text that stands for so many packets and bytes."""

    def lines(self, text: str) -> list[str]:
        """Each line as it stands."""

    def frame(self, text: str) -> list[str]:
        """The lines in parts, with an empty one for each counter: text, counter, text, … counter, text."""

    def rule_texts(self, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The hash of each rule, and what is to be read of it: its text without name, hash and counters."""

    def read_rule(self, text: str) -> Rule | None:
        """What such a text says; None if it is no rule."""


class PrintedTable(Protocol):
    """Where a table stands in a dump: its rules from `rules` on.

    The text is neither cut nor searched for its end beforehand: that would cost as much as reading it.
    """

    @property
    def form(self) -> Form:
        """How its chains are written."""

    @property
    def text(self) -> str:
        """The dump."""

    @property
    def rules(self) -> int:
        """Where the first rule starts."""

    @property
    def identity(self) -> str:
        """Tells the table from another that was made in its place; empty where nothing does."""

    @property
    def declared(self) -> str:
        """The part that names Calico's chains, empty if there are none."""

    def ends_at(self, position: int) -> bool:
        """True if no rule comes here or later."""

    def chain_at(self, position: int) -> str | None:
        """The chain of the line that starts here; None if the line is no rule."""

    def chain_end(self, position: int) -> int:
        """Where the neighbouring lines of the chain of this line end."""

    def skip(self, position: int) -> int:
        """Where the line after one that is no rule starts. Raises DumpError."""
