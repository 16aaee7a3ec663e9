"""Chains of a table that was printed as text: what a line says is told from its counter by where that stands.

The same `TextLayout` serves every scan in which each line of the chain still ends with exactly the text it had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from otel_calico.ruleset.dump import Form, KnownRules
from otel_calico.ruleset.ruleset import Chain, Layout

Cutter = Callable[[str], tuple[str, ...]]


class TextLayout(Layout):
    """What the lines of one chain say. `form` is how they are written."""

    __slots__ = ("_first", "_frame", "form")

    def __init__(self, name: str, text: str, form: Form, known: KnownRules[str]) -> None:
        """The layout of a chain's lines; `known` are the rules read before.

        Only Calico's own chains are read rule by rule: the rest (kube-proxy's may be thousands of lines) is
        never looked at.
        """
        if name.startswith("cali-"):
            hashes, texts = form.rule_texts(text)
            super().__init__(name, hashes, known.of(texts))
        else:
            super().__init__(name, length=form.line_count(text))
        self.form = form
        self._first = text  # the text that the frame is made of, when the chain moves for the first time
        self._frame: list[str] = []

    def text(self, counters: Sequence[str]) -> str:
        """The chain's lines with these counters, one for each."""
        parts = self._parts().copy()
        parts[1::2] = counters
        return "".join(parts)

    def cutter(self, counters: Sequence[str]) -> Cutter:
        """Cuts counters out of the chain's text, which these stand in now, where they stand."""
        spots: list[slice] = []
        position = 0
        for before, counter in zip(self._parts()[::2], counters, strict=False):
            position += len(before)
            spots.append(slice(position, position + len(counter)))
            position += len(counter)
        if len(spots) == 1:
            return lambda text: (text[spots[0]],)
        return itemgetter(*spots)

    def _parts(self) -> list[str]:
        if not self._frame:
            self._frame, self._first = self.form.frame(self._first), ""
        return self._frame


class TextChain(Chain):
    """One chain in one scan: its layout, and its lines with the counters.

    `cut` gives the counters of a text in which they stand where they stand in this chain's; None if not known.
    `repeated` is how many of its lines came again in the dump, and were added to the first.
    """

    __slots__ = ("_counters", "_packets", "cut", "repeated", "text")
    layout: TextLayout

    def __init__(
        self,
        layout: TextLayout,
        text: str,
        counters: Sequence[str] | None = None,
        cut: Cutter | None = None,
        repeated: int = 0,
    ) -> None:
        """`counters`, if given, are those in the text, which need not be looked for again before `settle`."""
        super().__init__(layout)
        self.text = text
        self.cut = cut
        self.repeated = repeated
        self._counters = counters
        self._packets: Sequence[int] | None = None

    @property
    def all_packets(self) -> Sequence[int]:
        """Packet counters of all rules; kept, as the next scan asks whether one of them fell."""
        if self._packets is None:
            self._packets = self.layout.form.packets(self._texts())
        return self._packets

    def packets(self, rules: Iterable[int]) -> list[int]:
        """Packet counters of the rules at these positions."""
        texts = self._texts()
        return self.layout.form.packets([texts[rule] for rule in rules])

    def octets(self, rules: Iterable[int]) -> list[int]:
        """Byte counters of the rules at these positions."""
        return [octets for _, octets in self.counters(rules)]

    def counters(self, rules: Iterable[int]) -> list[tuple[int, int]]:
        """Packets and bytes of the rules at these positions."""
        form, texts = self.layout.form, self._texts()
        return [form.numbers(texts[rule]) for rule in rules]

    def _texts(self) -> Sequence[str]:
        """The counters of all rules."""
        if self._counters:
            return self._counters
        return self.cut(self.text) if self.cut else self.layout.form.counters_in(self.text)

    def settle(self) -> None:
        """Drop the parted counters: the text alone takes half the memory."""
        self._counters = None
