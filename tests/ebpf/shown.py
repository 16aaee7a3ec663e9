"""What the account of an eBPF node shows, in words that tests can write down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from otel_calico.attribution.planner import SeriesChoice
from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import WorkloadEndpoint
from otel_calico.ebpf.account import EbpfAccount
from otel_calico.ebpf.state import EbpfState
from otel_calico.metrics import FAMILIES, POLICY_LAST_HIT, Metric
from otel_calico.series import LabelKey, Readings, label_key
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from tests.recordings.ebpf_states import RecordedState

Shown = Mapping[LabelKey, int]


def read(state: RecordedState) -> EbpfState:
    return EbpfStateDirectory(str(state.path)).read()


def before(state: EbpfState) -> EbpfState:
    """The same node before its first packet: it has the programs, and maps without entries."""
    return replace(state, rules={}, interfaces={name: {} for name in state.interfaces})


def lookups_of(state: RecordedState) -> Lookups:
    """The datastore's endpoints of the recorded pods."""
    lookups = Lookups()
    for interface, pod in state.pods.items():
        namespace, _, name = pod.partition("/")
        lookups.put("endpoints", interface, WorkloadEndpoint(interface, namespace, name, labels={"app": name}))
    return lookups


class Watched:
    """An account, and what it showed last."""

    def __init__(self, lookups: Lookups, choice: SeriesChoice | None = None) -> None:
        self.account = EbpfAccount(lookups, choice or SeriesChoice(families=FAMILIES))
        self.readings: list[Readings] = []
        self._taken = 0

    def look(self, state: EbpfState) -> Watched:
        self._taken += 10**9
        self.readings = list(self.account.read(state, {}, self._taken))
        return self

    def shown(self, metric: Metric) -> Shown:
        """Values by labels; none twice."""
        values: dict[LabelKey, int] = {}
        for readings in self.readings:
            if readings.series.metric is metric:
                for labels, value in zip(readings.series.labels, readings.values, strict=True):
                    assert label_key(labels) not in values
                    values[label_key(labels)] = value
        return values

    def counters(self) -> Mapping[tuple[Metric, LabelKey], int]:
        """All counters."""
        metrics = {readings.series.metric for readings in self.readings} - {POLICY_LAST_HIT}
        return {(metric, labels): value for metric in metrics for labels, value in self.shown(metric).items()}


def of(**labels: str) -> LabelKey:
    """Labels, with `__` for the dot."""
    return label_key({name.replace("__", "."): value for name, value in labels.items()})


def nonzero(shown: Shown) -> Shown:
    return {labels: value for labels, value in shown.items() if value}
