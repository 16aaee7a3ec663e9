"""otel-calico itself, started as users start it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from tests.node.namespace import Namespace, command_in
from tests.node.programs import Program, free_port
from tests.node.web import Response, answers, fetch

Labels = frozenset[tuple[str, str]]
Metrics = dict[str, dict[Labels, float]]


class Service(Program):
    """`otel-calico serve` with environment variables and arguments, on 127.0.0.1.

    It gets a free port unless `env` has METRICS_SERVER_PORT. `through` is a command that starts it in a changed
    place, such as `setpriv` with its options.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *arguments: str,
        namespace: Namespace | None = None,
        through: Sequence[str] = (),
    ) -> None:
        super().__init__("otel-calico")
        self.port = int(env.get("METRICS_SERVER_PORT") or free_port())
        self._namespace = namespace
        self._env = {"METRICS_SERVER_PORT": str(self.port), **env}
        self._arguments = arguments
        self._through = through

    @property
    def address(self) -> str:
        """Host and port, as a Prometheus target."""
        return f"127.0.0.1:{self.port}"

    def start(self, wait_for: str = "/readyz") -> Self:
        """Start and wait until a path answers 200: `/readyz` when all is in sync, `/healthz` as soon as it lives."""
        command = [*self._through, sys.executable, "-m", "otel_calico", "serve", *self._arguments]
        self.launch(command_in(self._namespace, command), self._env)
        if wait_for:
            self.await_path(wait_for)
        return self

    def await_path(self, path: str) -> None:
        """Wait until a path answers 200, for who has started several with `wait_for=""`."""
        self.wait(lambda: answers(f"http://{self.address}{path}", namespace=self._namespace), path)

    def end(self, seconds: float = 10.0) -> int:
        """Wait until the service has ended by itself; returns its exit code."""
        return self.process.wait(seconds)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """Fetch a page."""
        return fetch(f"http://{self.address}{path}", namespace=self._namespace, headers=headers)

    def scrape(self) -> Metrics:
        """The values at `/metrics` by sample name and labels. Raises RuntimeError if the page is not 200."""
        answer = self.get("/metrics")
        if answer.status != 200:
            raise RuntimeError(f"/metrics answered {answer.status}: {answer.text[:500]}")
        return parse_metrics(answer.text)


def parse_metrics(page: str) -> Metrics:
    """Samples of a page in the text format, by sample name and labels."""
    # Without their types the parser leaves sample names alone; it would add `_total` to those of counters.
    samples = "".join(line for line in page.splitlines(keepends=True) if not line.startswith("#"))
    metrics: Metrics = {}
    for family in text_string_to_metric_families(samples):
        for sample in family.samples:
            metrics.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return metrics
