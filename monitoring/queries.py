"""PromQL that takes a metric whichever way it came: scraped at /metrics, or delivered over OTLP.

Two things differ. Prometheus appends `_total` to counters that come over OTLP, which the accountant family lacks at
/metrics, so names stand as patterns. And the node is a label `node` of the scrape, or the attribute `k8s.node.name`.
"""

from __future__ import annotations

CLUSTER = 'cluster=~"$cluster"'
WORKLOAD = f'{CLUSTER},pod_namespace=~"$namespace",pod=~"$pod"'
IN_NAMESPACE = f'{CLUSTER},pod_namespace=~"$namespace"'
POLICY = f'{CLUSTER},calico_policy_name=~"$policy"'
NODE = "node,k8s_node_name,instance"
"""Labels that tell a node; `by_node` makes one of them."""


def unmatched(matchers: str) -> str:
    """Selector of packets dropped because no policy matched."""
    return f'{{__name__=~"no_policy_drop_counter(_total)?",{matchers}}}'


def accepted(matchers: str) -> str:
    """Selector of packets that a policy accepted on a workload."""
    return f'{{__name__=~"policy_accept_counter(_total)?",{matchers}}}'


def denied(matchers: str) -> str:
    """Selector of packets that a deny rule dropped on a workload."""
    return f'{{__name__=~"policy_accept_drop_counter(_total)?",{matchers}}}'


def of_policy(matchers: str) -> str:
    """Selector of packets that policies decided on a node; these names are the same both ways."""
    return f"calico_policy_packets_total{{{matchers}}}"


def rate(selector: str, by: str = "") -> str:
    """Per second, summed up."""
    return f"sum{f' by ({by})' if by else ''} (rate({selector}[$__rate_interval]))"


def busiest(selector: str, by: str) -> str:
    """The highest rates; a cluster has more workloads than a panel has room."""
    return f"topk(20, {rate(selector, by)})"


def increase(selector: str, by: str, offset: str = "") -> str:
    """Packets in the time that the dashboard shows, or in the time before it."""
    return f"sum by ({by}) (increase({selector}[$__range]{f' offset {offset}' if offset else ''}))"


def top(count: int, expression: str) -> str:
    """The largest, largest first, without those at zero."""
    return f"sort_desc(topk({count}, {expression} > 0))"


def movers(count: int, selector: str, by: str) -> str:
    """What grew most against the time before of the same length; what was not there then counts as zero."""
    now = increase(selector, by)
    return top(count, f"({now} - ({increase(selector, by, '$__range')} or {now} * 0))")


def by_node(expression: str) -> str:
    """Give an expression that has the labels NODE one label `place`: the first of them that is not empty."""
    joined = f'label_join({expression}, "place", ";", "node", "k8s_node_name", "instance")'
    return f'label_replace({joined}, "place", "$1", "place", ";*([^;]+).*")'
