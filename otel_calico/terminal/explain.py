"""`otel-calico explain TARGET`: the path of packets through tiers and policies, with counts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from otel_calico.config import Settings
from otel_calico.explain.conclusion import conclusion
from otel_calico.explain.counts import Trust
from otel_calico.explain.find import Found, find
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import PolicyStep
from otel_calico.explain.policy_uses import uses_of
from otel_calico.terminal.explanation import path_lines, policy_lines, untold, use_line
from otel_calico.terminal.open_node import NodeError, open_node
from otel_calico.terminal.output import printable, show, show_error, show_json, show_notes, time_of_day, waiting
from otel_calico.terminal.selecting import pod_hint, suggestion
from otel_calico.terminal.table import legend

OK, CANNOT_TELL = 0, 2


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """`interval` is in seconds; 0 shows totals alone."""

    target: str
    interval: float = 0.0
    output: Literal["text", "json"] = "text"


def run(settings: Settings, request: ExplainRequest) -> int:
    """Print the explanation. Returns the exit code."""
    try:
        with open_node(settings) as node:
            former, scan = None, node.scan()
            show_notes(node.notes(scan))
            found = _find(node.view(scan), request.target)
            if request.interval:
                with waiting(request.interval):
                    time.sleep(request.interval)
                former, scan = scan, node.scan()
            view = node.view(scan, former)
            found = _find(view, request.target)  # again: rules come and go meanwhile
    except NodeError as error:
        show_error(error)
        return CANNOT_TELL
    except KeyboardInterrupt:
        return OK
    if request.output == "json":
        show_json(_as_json(view, found))
    else:
        show(
            Text("\n").join(Text(printable(line), "bold" if _is_heading(line) else "") for line in _lines(view, found))
        )
    return OK


def _find(view: NodeView, target: str) -> Found:
    found = find(view, target)
    if found.endpoints or found.policies:
        return found
    if target in view.without_chains:
        raise NodeError(
            f"{target} is in the datastore, but the rules of this node have no chain for it. If it runs here, Felix "
            "has not written one yet, and its packets are dropped as those of an unknown interface. A starting pod "
            "needs a moment; if it stays so, see the log of calico-node on this node"
        )
    hint = pod_hint(view) if "/" in target else ""
    raise NodeError(f'nothing on this node is called "{target}"{suggestion(found.near, hint)}')


def _lines(view: NodeView, found: Found) -> Iterator[str]:
    since = _since(view)
    trusts: set[Trust] = set()
    for endpoint in found.endpoints:
        path = view.path(endpoint)
        for step in (step for tier in path.tiers for step in tier.policies):
            trusts |= {*_trusts(step), *([Trust.SHARED] if step.is_group or untold(step) else [])}
        yield from path_lines(path, since, view.seconds, view.in_force)
        yield ""
    for policy in found.policies:
        trusts |= {count.trust for count in policy.verdicts.values()}
        yield from policy_lines(policy, view.seconds)
        for use in uses_of(view, policy):
            trusts |= set(_trusts(use.step))
            yield f"  {use_line(policy, use, view.seconds)}"
        yield ""
    yield from (line.plain for line in legend(trusts)[1:])


def _is_heading(line: str) -> bool:
    return line[:1].isalpha()


def _since(view: NodeView) -> str:
    return time_of_day(view.former.taken) if view.former else ""


def _trusts(step: PolicyStep) -> Iterable[Trust]:
    """What the marks of a step's numbers say."""
    counts = (step.denied, step.passed, step.denied_or_passed)
    return (count.trust for count in counts if count is not None)


def _as_json(view: NodeView, found: Found) -> object:
    since = _since(view)
    paths = [view.path(endpoint) for endpoint in found.endpoints]
    return {
        "seconds": view.seconds,
        "paths": [{"conclusion": conclusion(path, since, view.in_force), "path": path} for path in paths],
        "policies": [{"policy": policy, "used_by": list(uses_of(view, policy))} for policy in found.policies],
    }
