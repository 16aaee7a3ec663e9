"""A real Prometheus that scrapes every second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlencode

import yaml

from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program, free_port
from tests.node.web import answers, fetch

_CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: {rules}
scrape_configs:
  - job_name: otel-calico
    static_configs:
      - targets: ["{target}"]
"""

Labels = frozenset[tuple[str, str]]


class Prometheus(Program):
    """Scrapes `http://TARGET/metrics`; runs in the target's namespace if one is given. `rules` are rule files,
    `settings` sections of its configuration that take the place of ours.
    """

    def __init__(
        self,
        target: str,
        namespace: Namespace | None = None,
        rules: tuple[str, ...] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("prometheus")
        self._namespace = namespace
        self._url = f"http://127.0.0.1:{free_port()}"
        self._file = self.directory / "prometheus.yml"
        own = yaml.safe_load(_CONFIGURATION.format(target=target, rules=json.dumps(rules)))
        self._file.write_text(yaml.safe_dump(own | dict(settings or {})))

    def start(self) -> Self:
        """Start and wait until it answers queries."""
        address = self._url.removeprefix("http://")
        command = ["prometheus", f"--config.file={self._file}", f"--web.listen-address={address}", "--log.level=warn"]
        command += [f"--storage.tsdb.path={self.directory / 'data'}"]
        self.launch(command_in(self._namespace, command))
        self.wait(lambda: answers(f"{self._url}/-/ready", namespace=self._namespace), "ready")
        return self

    def query(self, promql: str) -> dict[Labels, float]:
        """An instant query: value by label set, the metric's name left out. Raises ValueError for bad PromQL."""
        data = self.ask("query", query=promql)
        if data["resultType"] == "scalar":
            return {frozenset(): float(data["result"][1])}
        return {_labels(series["metric"]): float(series["value"][1]) for series in data["result"]}

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of any address of its API. Raises ValueError for bad PromQL."""
        url = f"{self._url}/api/v1/{path}?{urlencode(parameters)}"
        answer = json.loads(fetch(url, namespace=self._namespace).body)
        if answer["status"] != "success":
            raise ValueError(f"{parameters}: {answer['error']}")
        return answer["data"]

    def wait_for_scrape(self) -> None:
        """Wait until the target was scraped well."""
        self.wait(lambda: any(value == 1 for value in self.query("up").values()), "target up")


def _labels(metric: dict[str, str]) -> Labels:
    return frozenset((name, value) for name, value in metric.items() if name != "__name__")
