"""PromQL that takes a metric whichever way it came: scraped at /metrics, or delivered over OTLP.

Two things differ. Prometheus appends `_total` to counters that come over OTLP, which the accountant family lacks at
/metrics, so queries ask for both names. And the node is a label `node` of the scrape, or the attribute `k8s.node.name`.
"""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER = 'cluster=~"$cluster"'
WORKLOAD = f'{CLUSTER},pod_namespace=~"$namespace",pod=~"$pod"'
IN_NAMESPACE = f'{CLUSTER},pod_namespace=~"$namespace"'
POLICY = f'{CLUSTER},calico_policy_name=~"$policy"'
NODE = "node,k8s_node_name,instance"
"""Labels that tell a node; `by_node` makes one of them."""


@dataclass(frozen=True, slots=True)
class EitherWay:
    """Selectors of a counter whose name depends on the way it came."""

    scraped: str
    over_otlp: str


def _either_way(name: str, matchers: str) -> EitherWay:
    return EitherWay(f"{name}{{{matchers}}}", f"{name}_total{{{matchers}}}")


def unmatched(matchers: str) -> EitherWay:
    """Selectors of packets dropped because no policy matched."""
    return _either_way("no_policy_drop_counter", matchers)


def accepted(matchers: str) -> EitherWay:
    """Selectors of packets that a policy accepted on a workload."""
    return _either_way("policy_accept_counter", matchers)


def denied(matchers: str) -> EitherWay:
    """Selectors of packets that a deny rule dropped on a workload."""
    return _either_way("policy_accept_drop_counter", matchers)


def of_policy(matchers: str) -> str:
    """Selector of packets that policies decided on a node; these names are the same both ways."""
    return f"calico_policy_packets_total{{{matchers}}}"


def of_node(matchers: str) -> str:
    """Selector of packets that a node dropped and that are of no known endpoint; the same name both ways."""
    return f"calico_node_dropped_packets_total{{{matchers}}}"


def over(function: str, selector: str | EitherWay, window: str) -> str:
    """A function of a counter over a window, which may have an offset.

    Not one selector with a pattern of names: the function drops the name, so that Prometheus refuses series of one
    target under both names, as there are after a change of `prometheus.naming`.
    """
    if isinstance(selector, EitherWay):
        return f"{over(function, selector.scraped, window)} or {over(function, selector.over_otlp, window)}"
    return f"{function}({selector}{window})"


def rate(selector: str | EitherWay, by: str = "") -> str:
    """Per second, summed up."""
    return f"sum{f' by ({by})' if by else ''} ({over('rate', selector, '[$__rate_interval]')})"


def resets(selector: str | EitherWay, by: str) -> str:
    """How often counters began anew, summed up."""
    return f"sum by ({by}) ({over('resets', selector, '[$__rate_interval]')})"


def busiest(selector: str | EitherWay, by: str) -> str:
    """The highest rates; a cluster has more workloads than a panel has room."""
    return f"topk(20, {rate(selector, by)})"


def increase(selector: str | EitherWay, by: str, offset: str = "") -> str:
    """Packets in the time that the dashboard shows, or in the time before it."""
    return f"sum by ({by}) ({over('increase', selector, '[$__range]' + (f' offset {offset}' if offset else ''))})"


def top(count: int, expression: str) -> str:
    """The largest, largest first, without those at zero."""
    return f"sort_desc(topk({count}, {expression} > 0))"


def movers(count: int, selector: str | EitherWay, by: str) -> str:
    """What grew most against the time before of the same length; what was not there then counts as zero."""
    now = increase(selector, by)
    return top(count, f"({now} - ({increase(selector, by, '$__range')} or {now} * 0))")


def by_node(expression: str) -> str:
    """Give an expression that has the labels NODE one label `place`: the first of them that is not empty."""
    joined = f'label_join({expression}, "place", ";", "node", "k8s_node_name", "instance")'
    return f'label_replace({joined}, "place", "$1", "place", ";*([^;]+).*")'
