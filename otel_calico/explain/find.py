"""Finds the endpoints or policies that a name given by a user refers to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from otel_calico.calico.chains import veth_name
from otel_calico.explain.node_view import NodeView
from otel_calico.explain.path import EndpointTraffic, PolicyTotals

_NEAR = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Chains of endpoints, or policies (those of a group in its order); or, of neither, names like the one given."""

    endpoints: tuple[EndpointTraffic, ...] = ()
    policies: tuple[PolicyTotals, ...] = ()
    near: tuple[str, ...] = ()


def find(view: NodeView, target: str) -> Found:
    """What the target means: an endpoint before a policy, a whole name before a part of one.

    A pod is found without a datastore too where its interface is named as Calico's own plugin does.
    """
    namespace, _, name = target.rpartition("/")
    of_pod = veth_name(namespace, name, view.interface_prefix) if namespace else ""
    meanings: tuple[Callable[[EndpointTraffic], bool], ...] = (
        lambda one: bool(target) and target in {one.chain, one.interface, one.name, one.host_endpoint},
        lambda one: bool(of_pod) and one.interface == of_pod,
        lambda one: bool(target) and target in {one.pod, one.workload},
    )
    for meant in meanings:
        if endpoints := tuple(filter(meant, view.endpoints)):
            return Found(endpoints)
    policies = find_policies(view, target)
    return Found(policies=policies) if policies else Found(near=_near(view, target))


def find_policies(view: NodeView, target: str) -> tuple[PolicyTotals, ...]:
    """The policies that the target means, a whole name before a part of one; those of a group in its order."""
    if target in view.groups:
        chains = view.groups[target]
        by_chain = {policy.chain: policy for policy in view.policies}
        return tuple(by_chain[chain] for chain in chains)
    exact = tuple(policy for policy in view.policies if target in {policy.name, policy.chain})
    return exact or tuple(policy for policy in view.policies if is_policy(policy, target))


def is_policy(policy: PolicyTotals, target: str) -> bool:
    """True if the target is the policy's canonical name or chain, or its name as its author wrote it."""
    namespace, slash, name = target.rpartition("/")
    if target in {policy.name, policy.chain}:
        return True
    return policy.name.endswith(f".{name}") and (not slash or namespace == policy.namespace)


def names_like(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Of the known names those that contain this one, then those spelt like it, or whose last part is."""
    names = sorted(set(known))
    inside = [one for one in names if name.lower() in one.lower()]
    inside.sort(key=lambda one: not _last_part(one).startswith(name))
    alike = difflib.get_close_matches(name, names, _NEAR)
    ends = {_last_part(one): one for one in names}
    alike += [ends[end] for end in difflib.get_close_matches(_last_part(name), ends, _NEAR)]
    return tuple(dict.fromkeys([*inside, *alike]))[:_NEAR]


def _near(view: NodeView, target: str) -> tuple[str, ...]:
    return names_like(target, _names(view, chains=target.startswith("cali-")))


def _names(view: NodeView, *, chains: bool) -> Iterator[str]:
    for endpoint in view.endpoints:
        yield endpoint.chain if chains else endpoint.name
    for policy in view.policies:
        yield policy.chain if chains else policy.name
    if chains:
        yield from view.groups


def _last_part(name: str) -> str:
    return re.split(r"[/.]", name)[-1]
