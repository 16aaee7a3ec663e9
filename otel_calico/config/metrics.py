"""Settings that choose the series."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.calico.label_selector import LabelSelector
from otel_calico.config import kinds
from otel_calico.config.option import setting
from otel_calico.config.selection import label_selector, namespace_list
from otel_calico.metrics import DEFAULT_FAMILIES, FAMILIES


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Which series there are. `freshness` is in seconds."""

    families: tuple[str, ...] = setting(
        kinds.choices(*FAMILIES), DEFAULT_FAMILIES, "Families of metrics to report.", flag="--families"
    )
    include_namespaces: tuple[str, ...] = setting(
        namespace_list, (), "Only workloads of these namespaces; none given: of all. Totals of policies stay whole."
    )
    exclude_namespaces: tuple[str, ...] = setting(namespace_list, (), "No workloads of these namespaces.")
    pod_selector: LabelSelector = setting(  # noqa: RUF009 - `setting` makes a dataclass field
        label_selector, LabelSelector(), "Only workloads whose labels this selects, written as for `kubectl get -l`."
    )
    omit_zero_series: bool = setting(
        kinds.boolean, default=False, doc="Leave out counters that have not counted yet; one that has always stays."
    )
    series_limit: int = setting(
        kinds.whole(0),
        0,
        "The most policy series to show; 0 is no limit. What is left out is logged and counted.",
    )
    app_labels: tuple[str, ...] = setting(
        kinds.names,
        ("app", "projectcalico.org/openstack-project-name"),
        "Labels of the workload to try in order for the value of the label `app`.",
    )
    workload_owner: bool = setting(
        kinds.boolean,
        default=False,
        doc="Family workload: also say what owns the pod, as k8s.deployment.name and the like.",
    )
    workload_pod_labels: tuple[str, ...] = setting(
        kinds.names, (), "Family workload: labels of the pod to report too, as k8s.pod.label.KEY."
    )
    minimum_counter: int = setting(
        kinds.whole(0),
        0,
        "Leave out a scan in which every kernel's value of a workload is below this number; 0 leaves out none.",
        env=("MINIMUM_COUNTER",),
    )
    freshness: float = setting(
        kinds.duration(zero=True), 1.0, "Requests within this time of a scan share its result; 0 scans for each."
    )
