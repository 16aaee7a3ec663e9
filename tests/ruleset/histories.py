"""Texts of one node's table, scan after scan, in either printed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Line = tuple[Any, ...]
"""What a form needs to print a rule; its counter stands last, None where the rule has none."""
Chains = dict[str, list[Line]]

counters = st.tuples(
    st.sampled_from([0, 1, 9, 10, 99, 10**6, 10**12, 2**64 - 1]), st.sampled_from([0, 60, 10**9, 10**18, 2**64 - 1])
)


def tables(names: Sequence[str], lines: st.SearchStrategy[Line], size: int = 6) -> st.SearchStrategy[Chains]:
    """Tables of so many chains at most, each of which has a rule."""
    return st.dictionaries(st.sampled_from(names), st.lists(lines, min_size=1, max_size=4), max_size=size)


@st.composite
def histories(
    draw: st.DrawFn, names: Sequence[str], lines: st.SearchStrategy[Line], printed: Callable[[Chains], str]
) -> Sequence[str]:
    """Printed tables: most chains stay as they were but for counters, some do not."""
    chains = draw(tables(names, lines))
    texts = [printed(chains)]
    for _ in range(draw(st.integers(1, 4))):
        chains = draw(_changed(chains, names, lines))
        texts.append(printed(chains))
    return texts


@st.composite
def _changed(draw: st.DrawFn, chains: Chains, names: Sequence[str], lines: st.SearchStrategy[Line]) -> Chains:
    now = {name: list(rules) for name, rules in chains.items()}
    for name, rules in list(now.items()):
        match draw(
            st.sampled_from(["same", "same", "count", "count", "grow", "shrink", "edit", "gone", "rename", "swap"])
        ):
            case "count":
                now[name] = [draw(_counted_on(line)) for line in rules]
            case "grow":
                rules.insert(draw(st.integers(0, len(rules))), draw(lines))
            case "shrink" if len(rules) > 1:
                del rules[draw(st.integers(0, len(rules) - 1))]
            case "edit":
                rules[draw(st.integers(0, len(rules) - 1))] = draw(lines)
            case "swap":
                rules.reverse()
            case "gone":
                del now[name]
            case "rename":
                del now[name]
                now[draw(st.sampled_from(names))] = rules
            case _:
                pass
    for name, rules in draw(tables(names, lines, 2)).items():
        now.setdefault(name, rules)
    order = draw(st.permutations(list(now))) if draw(st.booleans()) else list(now)
    return {name: now[name] for name in order}


def _counted_on(line: Line) -> st.SearchStrategy[Line]:
    """The same rule, which may have counted since; one that has no counter gets none."""
    if line[-1] is None:
        return st.just(line)
    return st.just(line) | counters.map(lambda counter: (*line[:-1], counter))
