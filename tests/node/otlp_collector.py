"""A real OTLP collector, which prints the metrics it receives; they are read from what it printed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tests.node.namespace import Namespace, command_in
from tests.node.programs import MissingProgramError, Program, free_port

Attributes = frozenset[tuple[str, str]]

_ATTRIBUTE = re.compile(r"     -> ([^:]+): (\w+)\((.*)\)$", re.DOTALL)
_FIELD = re.compile(
    r"(?:     -> )?(Name|AggregationTemporality|IsMonotonic|StartTimestamp|Timestamp|Value|Count): (.*)$"
)
_POINT = re.compile(r"(Number|Histogram)DataPoints #\d+$")


@dataclass(frozen=True, slots=True)
class Point:
    """One data point. `value` of a histogram is its count; times are Unix times in nanoseconds."""

    name: str
    attributes: Attributes
    value: float
    start: int
    time: int
    temporality: str  # `cumulative`, `delta` or empty for gauges


class OtlpCollector(Program):
    """Receives OTLP over gRPC and HTTP on 127.0.0.1, of a namespace if one is given."""

    def __init__(self, namespace: Namespace | None = None) -> None:
        super().__init__("otlp-collector")
        self._namespace = namespace
        self._ports = free_port(), free_port()

    @property
    def grpc_endpoint(self) -> str:
        """For `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def http_endpoint(self) -> str:
        """For `OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`."""
        return f"http://127.0.0.1:{self._ports[1]}"

    def start(self) -> Self:
        """Start and wait until both receivers listen."""
        command = [_agent(), "start", "--exporter", "blackhole"]
        command += ["--debug-log", "metrics", "--debug-log-verbosity", "detailed"]
        command += ["--otlp-grpc-endpoint", self.grpc_endpoint.removeprefix("http://")]
        command += ["--otlp-http-endpoint", self.http_endpoint.removeprefix("http://")]
        self.launch(command_in(self._namespace, command))
        self.wait(lambda: all(self._listens(port) for port in self._ports), "listening")
        return self

    def points(self) -> list[Point]:
        """All data points received so far, in order of arrival."""
        return list(_points(self.log.splitlines()))

    def metrics(self) -> dict[str, dict[Attributes, float]]:
        """The newest value of every series received, by metric name and attributes."""
        series: dict[str, dict[Attributes, float]] = {}
        for point in self.points():
            series.setdefault(point.name, {})[point.attributes] = point.value
        return series

    def resource(self) -> dict[str, str]:
        """The resource attributes of the newest export."""
        blocks = self.log.split("\nResource attributes:\n")
        return dict(_attributes(blocks[-1].split("\nScopeMetrics #", maxsplit=1)[0].splitlines())) if blocks[1:] else {}

    def _listens(self, port: int) -> bool:
        family, kind = socket.AF_INET, socket.SOCK_STREAM
        with self._namespace.socket(family, kind) if self._namespace else socket.socket(family, kind) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0


def _agent() -> str:
    """The collector's binary, which its Python package carries."""
    package = find_spec("rotel")
    if package is None or package.origin is None:
        raise MissingProgramError("the Python package rotel is not installed: run `make setup`")
    return str(Path(package.origin).parent / "rotel-agent")


def _points(lines: list[str]) -> Iterator[Point]:
    """Data points begin with a heading and end with their `Value`, or `Count` for histograms."""
    fields: dict[str, str] = {}
    heading = 0
    for place, line in enumerate(lines):
        if _POINT.match(line):
            heading = place
        elif found := _FIELD.match(line):
            fields[found[1]] = found[2]
            if found[1] == "Name":
                fields = {"Name": found[2]}
            elif found[1] in {"Value", "Count"}:
                temporality = fields.get("AggregationTemporality", "").removeprefix("AGGREGATION_TEMPORALITY_").lower()
                attributes = frozenset(_attributes(lines[heading + 1 : place]))
                times = int(fields["StartTimestamp"]), int(fields["Timestamp"])
                yield Point(fields["Name"], attributes, float(found[2]), *times, temporality)


def _attributes(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Attributes of a block; values may have line ends in them."""
    text = ""
    for line in lines:
        text = f"{text}\n{line}" if text else line
        if found := _ATTRIBUTE.match(text):
            yield found[1], found[3]
        if found or not text.startswith("     -> "):
            text = ""
