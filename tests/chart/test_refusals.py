"""What cannot work is refused before anything is installed, with a message that says what to change."""

from __future__ import annotations

from typing import Any

import helm_python as helm
import pytest
import yaml

from tests.chart.release import CHART, render

WRONG: dict[str, tuple[str, str]] = {
    "an unknown value": ("toleratons: []", "at '': additional properties 'toleratons' not allowed"),
    "a value in the wrong place": ("image: {name: x}", "at '/image': additional properties 'name' not allowed"),
    "a wrong kind": ("rbac: {create: 'yes'}", "at '/rbac/create': got string, want boolean"),
    "a registry with a slash at its end": (
        "image: {registry: example.com/}",
        "at '/image/registry': 'example.com/' does not",
    ),
    "a digest without its algorithm": ("image: {digest: abc}", "at '/image/digest': 'abc' does not match pattern"),
    "an unknown setting": (
        "config: {log: {levle: info}}",
        "at '/config/log': additional properties 'levle' not allowed",
    ),
    "a setting out of range": (
        "config: {prometheus: {port: 99999}}",
        "at '/config/prometheus/port': maximum: got 99,999",
    ),
    "a port that changes": ("config: {prometheus: {port: 0}}", "at '/config/prometheus/port': minimum: got 0, want 1"),
    "no duration": ("config: {otlp: {interval: soon}}", "at '/config/otlp/interval': 'soon' does not match pattern"),
    "an unknown family": (
        "config: {metrics: {families: [policies]}}",
        "at '/config/metrics/families/0': value must be one of 'accountant', 'policy', 'workload', 'rule'",
    ),
    "an unknown datastore": (
        "config: {datastore: {type: etcd}}",
        "at '/config/datastore/type': value must be one of 'etcdv3', 'kubernetes'",
    ),
    "a secret for all to read": (
        "config: {etcd: {password: x}}",
        "at '/config/etcd': additional properties 'password' not allowed",
    ),
    "more rights": (
        "podSecurityContext: {runAsUser: 1}",
        "at '/podSecurityContext': additional properties 'runAsUser' not allowed",
    ),
}
NO_METRICS = (
    "a monitor is enabled, but config.telemetry leaves out the exporter prometheus (exporters) or all (disabled), "
    "so there is no /metrics: add it, or disable the monitor"
)
CONTRADICTIONS: dict[str, tuple[str, str]] = {
    "etcd without servers": (
        "config: {datastore: {type: etcdv3}}",
        "nothing says where etcd is: set config.etcd.endpoints, or etcd.fromCalico.enabled",
    ),
    "two ways to etcd": (
        "{config: {datastore: {type: etcdv3}, etcd: {endpoints: [http://e:1]}}, etcd: {fromCalico: {enabled: true}}}",
        "endpoints and TLS from calico-config: leave out config.etcd.endpoints and etcd.tls, or disable it",
    ),
    "etcd values without etcd": (
        "etcd: {fromCalico: {enabled: true}}",
        "the value etcd is only for etcd: set config.datastore.type to etcdv3, or leave it out",
    ),
    "TLS without its file": (
        "web: {tls: true}",
        "web.tls and web.certificateSecretName need web.secretName, a Secret with the file web.yml",
    ),
    "a monitor of nothing": (
        "{config: {telemetry: {exporters: [otlp]}}, podMonitor: {enabled: true}}",
        NO_METRICS,
    ),
    "a monitor of what is switched off": (
        "{config: {telemetry: {disabled: true}}, podMonitor: {enabled: true}}",
        NO_METRICS,
    ),
    "two monitors": (
        "{serviceMonitor: {enabled: true}, podMonitor: {enabled: true}}",
        "serviceMonitor and podMonitor are both enabled, so every node would be scraped twice: keep one",
    ),
    "a monitor of a Service that is not made": (
        "{serviceMonitor: {enabled: true}, service: {enabled: false}}",
        "serviceMonitor needs service.enabled; podMonitor does without",
    ),
}


def refusal(values: Any) -> str:
    with pytest.raises(helm.HelmError) as refused:
        render(values)
    return str(refused.value)


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_refused_by_its_place_and_what_is_allowed(text: str, message: str) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmValuesError) as refused:
        chart.validate_schema(chart.merge_values(yaml.safe_load(text)))
    assert message in str(refused.value)


@pytest.mark.parametrize(("text", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused_with_what_to_change(text: str, message: str) -> None:
    assert message in refusal(yaml.safe_load(text))
