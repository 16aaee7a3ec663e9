"""The way to host endpoints in the tables raw and mangle (`felix/rules/static.go`).

Not rendered: `cali-POSTROUTING` and `cali-egress-dscp` of mangle, which decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.felix import parts
from tests.felix.description import Node, Table
from tests.felix.eras import Era
from tests.felix.rule import Chain, Rule

_FROM_HOST_ENDPOINT = parts.jump("cali-from-host-endpoint")


def prerouting_hooks(table: Table) -> tuple[Chain, ...]:
    """Rules that Felix puts into the kernel's own chains."""
    names = ("PREROUTING", "OUTPUT") if table == "raw" else ("PREROUTING",)
    return tuple(Chain(name, (Rule(parts.jump(f"cali-{name}")),)) for name in names)


def prerouting_chains(node: Node, table: Table) -> Iterator[Chain]:
    """Every chain between the hooks and the dispatch to host endpoints."""
    yield from _raw(node) if table == "raw" else _mangle(node)


def _raw(node: Node) -> Iterator[Chain]:
    marks = node.marks
    workload = parts.mark_set(marks.scratch0)
    clear = Rule(parts.clear_mark(marks.accept | marks.pass_on | marks.scratch0 | marks.scratch1))
    accept = Rule(parts.ACCEPT, (parts.mark_set(marks.accept),))
    skip = (Rule(parts.jump("cali-rpf-skip"), (workload,)),) if node.era > Era.A1 else ()
    yield Chain(
        "cali-PREROUTING",
        (
            clear,
            Rule(parts.set_mark(marks.scratch0), (parts.in_interface(f"{node.interface_prefix}+"),)),
            *skip,
            Rule(parts.DROP, (workload, parts.reverse_path_failed())),
            Rule(_FROM_HOST_ENDPOINT, (parts.mark_clear(marks.scratch0),)),
            accept,
        ),
    )
    if skip:
        yield Chain("cali-rpf-skip")
    yield Chain("cali-OUTPUT", (clear, Rule(parts.jump("cali-to-host-endpoint")), accept))


def _mangle(node: Node) -> Iterator[Chain]:
    accepted = (parts.mark_set(node.marks.accept),)
    yield Chain(
        "cali-PREROUTING",
        (
            Rule(parts.ACCEPT, (parts.conntrack_state("RELATED,ESTABLISHED"),)),
            Rule(parts.ACCEPT, accepted),
            Rule(_FROM_HOST_ENDPOINT),
            Rule(parts.ACCEPT, accepted, ("Host endpoint policy accepted packet.",)),
        ),
    )
