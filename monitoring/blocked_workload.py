"""The dashboard *Why is my workload blocked?*: from the cluster to the namespace, the workload and the policy."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from monitoring import queries as promql
from monitoring.page import Part, choice, filled, page
from monitoring.panels import Query, bars, lines, link, number, rows

TITLE = "Calico: why is my workload blocked?"
UID = "otel-calico-blocked"

_POLICIES = {"calico_policy_name": "Policy", "calico_policy_kind": "Kind"}
_WORKLOADS = {"pod_namespace": "Namespace", "pod": "Pod", "type": "Way"}
_CHOOSE = f"/d/{UID}?${{datasource:queryparam}}&${{cluster:queryparam}}&${{__url_time_range}}"
_TO_POD = f"{_CHOOSE}&var-namespace=${{__data.fields.Namespace}}&var-pod=${{__data.fields.Pod}}"
_TO_POLICY = f"{_CHOOSE}&var-policy=${{__data.fields.Policy}}"
_WAY = "tw: to the workload, fw: from it."
_NEW = "Policies count new connections, about one packet each."
_NAMED = f'{promql.CLUSTER},policy=~"(.*,)?($policy)(,.*)?"'
_K8S = f'{promql.CLUSTER},k8s_namespace_name=~"$namespace",k8s_pod_name=~"$pod"'


def dashboard() -> Dashboard:
    """The dashboard, built."""
    whole = page(TITLE, UID, "Which packets Calico drops, to and from whom, and which policy decides.")
    anything = '{__name__=~"(no_policy_drop|policy_accept)_counter(_total)?",'
    whole.with_variable(choice("namespace", "Namespace", f"{anything}{promql.CLUSTER}}}", "pod_namespace"))
    whole.with_variable(choice("pod", "Workload", f"{anything}{promql.IN_NAMESPACE}}}", "pod"))
    whole.with_variable(choice("policy", "Policy", promql.of_policy(promql.CLUSTER), "calico_policy_name"))
    return filled(whole, _cluster(), _namespace(), _workload(), _policy(), _changes())


def _cluster() -> Iterator[Part]:
    verdict = f'{promql.CLUSTER},calico_verdict="{{}}"'.format
    yield Row("Cluster")
    yield number(
        "Dropped: no policy matches",
        "Packets a second that no policy of a tier passed.",
        Query(promql.rate(promql.unmatched(promql.CLUSTER))),
        bad_from=0.001,
    )
    yield number(
        "Denied by policies",
        "Packets a second that deny rules dropped.",
        Query(promql.rate(promql.of_policy(verdict("deny")))),
    )
    yield number("Accepted by policies", _NEW, Query(promql.rate(promql.of_policy(verdict("allow")))))
    blind = f"count(otel_calico_scan_success{{{promql.CLUSTER}}} == 0) or vector(0)"
    yield number(
        "Blind nodes",
        "Nodes whose rules otel-calico cannot read: drops there are not seen.",
        Query(blind),
        unit="short",
        bad_from=1,
    )
    yield bars(
        "Namespaces with dropped packets",
        "In the time shown: packets that no policy matched.",
        Query(promql.top(10, promql.increase(promql.unmatched(promql.CLUSTER), "pod_namespace")), "{{pod_namespace}}"),
    )
    yield bars(
        "Policies that deny",
        "In the time shown: packets that their deny rules dropped.",
        Query(
            promql.top(10, promql.increase(promql.of_policy(verdict("deny")), "calico_policy_name")),
            "{{calico_policy_name}}",
        ),
    )
    yield lines(
        "Dropped, of no workload",
        "By node and reason. unknown_interface: Felix has no chains for a pod (yet), or the interface is nobody's.",
        Query(
            promql.by_node(promql.busiest(promql.of_node(promql.CLUSTER), f"{promql.NODE}, reason")),
            "{{place}} {{reason}}",
        ),
    )
    without_chains = f"max by ({promql.NODE}) (otel_calico_workloads_without_chains{{{promql.CLUSTER}}})"
    yield lines(
        "Workloads without chains",
        "By node: Felix has not programmed them (yet), so that all their packets are dropped.",
        Query(promql.by_node(f"topk(20, {without_chains})"), "{{place}}"),
        unit="short",
    )
    yield rows(
        "Top movers: workloads",
        f"Whose drops grew most against the time before of the same length. {_WAY}",
        Query(promql.movers(10, promql.unmatched(promql.CLUSTER), "pod_namespace, pod, type")),
        {**_WORKLOADS, "Value": "More packets"},
    ).override_by_name("Pod", link(_TO_POD))
    yield rows(
        "Top movers: policies",
        "Which policies deny more than in the time before of the same length.",
        Query(promql.movers(10, promql.of_policy(verdict("deny")), "calico_policy_name, calico_policy_kind")),
        {**_POLICIES, "Value": "More packets"},
    ).override_by_name("Policy", link(_TO_POLICY))


def _namespace() -> Iterator[Part]:
    yield Row("Namespace: $namespace")
    yield lines(
        "Dropped: no policy matches",
        f"By workload. {_WAY}",
        Query(
            promql.busiest(promql.unmatched(promql.IN_NAMESPACE), "pod_namespace, pod, type"),
            "{{pod_namespace}}/{{pod}} {{type}}",
        ),
    )
    yield lines(
        "Denied",
        f"By workload and policy, where the rules tell. {_WAY}",
        Query(
            promql.busiest(promql.denied(promql.IN_NAMESPACE), "pod_namespace, pod, type, policy"),
            "{{pod_namespace}}/{{pod}} {{type}}: {{policy}}",
        ),
    )
    yield (
        rows(
            "Workloads with dropped packets",
            f"In the time shown. Choose one. {_WAY}",
            Query(
                promql.top(50, promql.increase(promql.unmatched(promql.IN_NAMESPACE), "pod_namespace, pod, app, type"))
            ),
            {"pod_namespace": "Namespace", "pod": "Pod", "app": "App", "type": "Way", "Value": "Packets"},
        )
        .override_by_name("Pod", link(_TO_POD))
        .span(24)
    )


def _workload() -> Iterator[Part]:
    yield Row("Workload: $namespace/$pod")
    yield lines(
        "Dropped: no policy matches",
        f"By tier (none is the default tier) and address. {_WAY}",
        Query(
            promql.busiest(promql.unmatched(promql.WORKLOAD), "pod, type, tier, ip"),
            "{{pod}} {{type}} {{tier}} {{ip}}",
        ),
    ).span(8)
    yield lines(
        "Denied by",
        f"A deny rule of the policy dropped them. {_WAY}",
        Query(promql.busiest(promql.denied(promql.WORKLOAD), "type, policy"), "{{type}} {{policy}}"),
    ).span(8)
    yield lines(
        "Accepted by",
        f"Policies that share a selector are counted as one. {_NEW} {_WAY}",
        Query(promql.busiest(promql.accepted(promql.WORKLOAD), "type, policy"), "{{type}} {{policy}}"),
    ).span(8)
    yield lines(
        "Dropped for other reasons",
        "Only with family `workload`: no profile, invalid, limits.",
        Query(
            promql.busiest(
                f'calico_workload_dropped_packets_total{{{_K8S},reason!="end_of_tier"}}',
                "k8s_pod_name, calico_direction, reason",
            ),
            "{{k8s_pod_name}} {{calico_direction}} {{reason}}",
        ),
    )
    yield lines(
        "Established",
        "Only with family `workload`: packets of connections that were let in before.",
        Query(
            promql.busiest(f"calico_workload_established_packets_total{{{_K8S}}}", "k8s_pod_name, calico_direction"),
            "{{k8s_pod_name}} {{calico_direction}}",
        ),
    )


def _policy() -> Iterator[Part]:
    yield Row("Policy: $policy")
    decided = "calico_policy_name, calico_direction, calico_verdict"
    yield lines(
        "What it decides",
        f"On all nodes and workloads. {_NEW}",
        Query(
            promql.busiest(promql.of_policy(promql.POLICY), decided),
            "{{calico_policy_name}} {{calico_direction}} {{calico_verdict}}",
        ),
    )
    yield lines(
        "On which nodes",
        "Packets that it decided, by node.",
        Query(promql.by_node(promql.rate(promql.of_policy(promql.POLICY), promql.NODE)), "{{place}}"),
    )
    yield rows(
        "Still accepted, by workload",
        "In the time shown. Of a broad policy behind a narrow one: connections that the narrow one would have cut.",
        Query(promql.top(50, promql.increase(promql.accepted(_NAMED), "pod_namespace, pod, type, policy"))),
        {**_WORKLOADS, "policy": "Policies", "Value": "Packets"},
    ).override_by_name("Pod", link(_TO_POD))
    hit = f"max by (calico_policy_name) (calico_policy_last_hit_time_seconds{{{promql.POLICY}}}) * 1000"
    yield rows(
        "Last packet",
        "When a scan last saw a rule of the policy decide; 1970: not since otel-calico started.",
        Query(f"sort({hit})"),
        {"calico_policy_name": "Policy", "Value": "Last packet"},
        unit="dateTimeAsIso",
    ).override_by_name("Policy", link(_TO_POLICY))


def _changes() -> Iterator[Part]:
    yield Row("Changes of policies")
    named, series = "count by (calico_policy_name, calico_policy_kind)", promql.of_policy(promql.CLUSTER)
    there, before = f"{named} ({series})", f"{named} ({series} offset $__range)"
    yield (
        rows(
            "New",
            "Policies with rules on some node now, and on none when the time shown began.",
            Query(f"{there} unless {before}"),
            {**_POLICIES, "Value": "Series"},
        )
        .override_by_name("Policy", link(_TO_POLICY))
        .span(8)
    )
    yield rows(
        "Gone",
        "Policies with rules on some node when the time shown began, and on none now.",
        Query(f"{before} unless {there}"),
        {**_POLICIES, "Value": "Series"},
    ).span(8)
    yield lines(
        "Rewritten",
        "Counters that began anew: Felix wrote the rules again because something changed.",
        Query(f"{promql.resets(promql.accepted(promql.CLUSTER), 'policy')} > 0", "{{policy}}"),
        unit="short",
    ).span(8)
