"""Checks names given as filters, and suggests similar ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_calico.explain.find import find, is_policy, names_like
from otel_calico.explain.node_view import NodeView
from otel_calico.terminal.open_node import NodeError
from otel_calico.terminal.rows import Selection


def check_selection(view: NodeView, selection: Selection) -> None:
    """Raises NodeError for a pod, namespace or policy that this node does not have."""
    endpoints = view.endpoints
    if selection.pod and not find(view, selection.pod).endpoints:
        raise unknown("pod", selection.pod, (one.name for one in endpoints), hint=pod_hint(view))
    namespaces = {one.namespace for one in endpoints} | {policy.namespace for policy in view.policies}
    if selection.namespace and selection.namespace not in namespaces:
        raise unknown("namespace", selection.namespace, filter(None, namespaces))
    if selection.policy and not any(is_policy(policy, selection.policy) for policy in view.policies):
        raise unknown("policy", selection.policy, (policy.name for policy in view.policies))


def unknown(kind: str, name: str, names: Iterable[str], hint: str = "") -> NodeError:
    """Says that nothing has this name, with those that are like it."""
    return NodeError(f'this node has no {kind} "{name}"{suggestion(names_like(name, names), hint)}')


def pod_hint(view: NodeView) -> str:
    """What to do about an unknown pod where no datastore told any."""
    if any(endpoint.pod or endpoint.workload for endpoint in view.endpoints):
        return ""
    return (
        "; only a datastore knows pods (--datastore-file, --etcd-endpoints, --kubeconfig): without, name an interface"
    )


def suggestion(near: Sequence[str], hint: str = "") -> str:
    """The end of a sentence about a name that is not known."""
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return hint or "; `otel-calico report` lists what it has"
