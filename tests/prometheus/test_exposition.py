"""The policy series as Prometheus text."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric as ParsedMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_calico.metrics import NO_POLICY_DROP, POLICY_ACCEPT, POLICY_GROUP_INFO, POLICY_PACKETS
from otel_calico.prometheus.exposition import Exposition
from otel_calico.prometheus.text_format import TextFormat
from otel_calico.series import Readings, SeriesSet
from tests.telemetry.snapshots import ALLOW_WEB, WEB, example, series

SAMPLES = {
    NO_POLICY_DROP: """\
no_policy_drop_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",type="tw"} 7
no_policy_drop_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",type="fw"} 0
no_policy_drop_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",tier="security",type="tw"} 3
""",
    POLICY_ACCEPT: """\
policy_accept_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",policy="shop/default.allow-web",type="tw"} 42
""",  # noqa: E501 - lines of a page
    POLICY_PACKETS: """\
calico_policy_packets_total{calico_direction="ingress",calico_policy_kind="NetworkPolicy",calico_policy_name="shop/default.allow-web",calico_policy_namespace="shop",calico_tier="default",calico_verdict="allow"} 50
""",  # noqa: E501 - lines of a page
    POLICY_GROUP_INFO: """\
calico_policy_group_info{calico_policy_group="cali-gi-x",calico_policy_name="a",calico_policy_order="0"} 1
""",
}


def rendered(exposition: Exposition, readings: Sequence[Readings], form: TextFormat) -> bytes:
    return b"".join(exposition.render(readings, form))


Parser = Callable[[str], Iterable[ParsedMetric]]


def page(types: dict[str, str]) -> str:
    return "".join(
        f"# HELP {name} {metric.help}\n# TYPE {name} {kind}\n{samples}"
        for (name, kind), (metric, samples) in zip(types.items(), SAMPLES.items(), strict=True)
    )


def test_text_format_shows_every_metric_once_with_all_its_samples() -> None:
    expected = page(
        {
            "no_policy_drop_counter": "counter",
            "policy_accept_counter": "counter",
            "calico_policy_packets_total": "counter",
            "calico_policy_group_info": "gauge",
        }
    )
    assert rendered(Exposition(), example().readings, TextFormat.PROMETHEUS).decode() == expected


def test_openmetrics_names_counters_by_family_and_leaves_accountant_names_alone() -> None:
    expected = page(
        {
            "no_policy_drop_counter": "unknown",
            "policy_accept_counter": "unknown",
            "calico_policy_packets": "counter",
            "calico_policy_group_info": "gauge",
        }
    )
    assert rendered(Exposition(), example().readings, TextFormat.OPENMETRICS).decode() == expected


def test_the_next_page_shows_what_moved_and_forgets_what_is_gone() -> None:
    exposition = Exposition()
    drops, accepts = series(NO_POLICY_DROP, WEB), series(POLICY_ACCEPT, ALLOW_WEB)
    stays = Readings(drops, (1,))
    rendered(exposition, [stays, Readings(accepts, (5,))], TextFormat.PROMETHEUS)
    moved = rendered(exposition, [stays, Readings(accepts, (6,))], TextFormat.PROMETHEUS)
    assert [line for line in moved.decode().splitlines() if not line.startswith("#")] == [
        'no_policy_drop_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",type="tw"} 1',
        'policy_accept_counter{app="web",ip="10.0.0.1",pod="web-0",pod_namespace="shop",policy="shop/default.allow-web",type="tw"} 6',  # noqa: E501 - lines of a page
    ]
    assert rendered(exposition, [stays], TextFormat.PROMETHEUS) == moved[: moved.index(b"# HELP policy_accept")]
    assert rendered(exposition, [], TextFormat.PROMETHEUS) == b""


SETS = [
    *(series(NO_POLICY_DROP, {"pod": f"web-{number}"}) for number in range(3)),
    *(
        series(POLICY_ACCEPT, *({"pod": f"web-{number}", "policy": f"p-{one}"} for one in range(number)))
        for number in (0, 1, 2)
    ),
]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(SETS), st.integers(0, 3)), unique_by=lambda pair: id(pair[0])), max_size=8
    )
)
def test_a_page_says_the_same_whatever_pages_came_before(pages: list[list[tuple[SeriesSet, int]]]) -> None:
    exposition = Exposition()
    kept: dict[tuple[SeriesSet, int], Readings] = {}  # the same objects where nothing moved
    for of_page in pages:
        readings = [kept.setdefault((one, value), Readings(one, [value] * len(one.labels))) for one, value in of_page]
        anew = rendered(Exposition(), readings, TextFormat.PROMETHEUS)
        assert rendered(exposition, readings, TextFormat.PROMETHEUS) == anew


@pytest.mark.parametrize("next_page", [[], [Readings(series(NO_POLICY_DROP, {"pod": "web-1"}), (1,))]])
def test_nothing_of_a_gone_pod_stays_in_memory(next_page: list[Readings]) -> None:
    class Label(str):
        __slots__ = ("__weakref__",)

    exposition = Exposition()
    pod = Label("web-0")
    gone = weakref.ref(pod)
    rendered(exposition, [Readings(series(NO_POLICY_DROP, {"pod": pod}), (1,))], TextFormat.PROMETHEUS)
    del pod
    rendered(exposition, next_page, TextFormat.PROMETHEUS)
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("form", "parse", "end"),
    [(TextFormat.PROMETHEUS, parse_text, ""), (TextFormat.OPENMETRICS, parse_openmetrics, "# EOF\n")],
)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5, unique=True))
def test_any_name_a_user_may_give_comes_back_as_it_was(
    form: TextFormat, parse: Parser, end: str, names: list[str]
) -> None:
    labels = [{"pod": name, "calico.policy.name": "%d\\n" + name} for name in names]
    readings = Readings(series(NO_POLICY_DROP, *labels), tuple(range(len(names))))
    text = rendered(Exposition(), [readings], form).decode() + end
    (family,) = parse(text)
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ({"calico_policy_name": "%d\\n" + name, "pod": name}, value) for value, name in enumerate(names)
    ]


def test_a_label_may_be_called_what_a_pods_label_may_be_called() -> None:
    labels = {"k8s.pod.label.app.kubernetes.io/part-of": "shop"}
    text = rendered(Exposition(), [Readings(series(NO_POLICY_DROP, labels), (1,))], TextFormat.PROMETHEUS).decode()
    (family,) = parse_text(text)
    assert [sample.labels for sample in family.samples] == [{"k8s_pod_label_app_kubernetes_io_part_of": "shop"}]
