"""The OTLP collector is down, slow, hangs or refuses: no scrape waits, memory stays, nothing counted is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc  # type: ignore[import-untyped] # ships no types
import psutil

from endurance.faults.fault import Fault, Witness
from endurance.faults.receiver import FaultyReceiver, RefusingHttp, listening, listening_http, newest
from endurance.faults.stage import OTLP_METRIC, SENT, Stage, counted, policy_series
from tests.node.programs import free_port
from tests.node.service import Service
from tests.otlp.receiver import Receiver

_INTERVAL = 0.1  # seconds between pushes
_TIMEOUT = 2.0  # seconds for one request
_OUTAGE = 40  # failed pushes to wait for
_SCRAPE = 1.0  # seconds a scrape may take
_STOP = 9.0  # seconds a stop may take with a collector that does not answer
_MEGABYTES = 8.0  # by which memory may grow in an outage

_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_DENIED = grpc.StatusCode.PERMISSION_DENIED


def down(stage: Stage, witness: Witness) -> None:
    """Nobody listens for the whole run."""
    service = stage.counted(_otlp(f"http://127.0.0.1:{free_port()}"))
    _failing(service, witness, _OUTAGE)
    _stops(service, witness)


def slow(stage: Stage, witness: Witness) -> None:
    """It takes longer than the interval, and answers well."""
    with listening(FaultyReceiver(), stage.node.namespace) as receiver:
        receiver.delay = 10 * _INTERVAL
        service = stage.counted(_otlp(receiver.url))
        witness.await_("values arrive", lambda: _arrived(receiver), 20)
        _unhindered(service, witness)
        witness.expect("none failed", not _exports(service).get("failure"))
        _stops(service, witness)


def hanging(stage: Stage, witness: Witness) -> None:
    """It takes connections and never answers in time."""
    with listening(FaultyReceiver(), stage.node.namespace) as receiver:
        receiver.delay = 60
        service = stage.counted(_otlp(receiver.url))
        _failing(service, witness, 2)
        _stops(service, witness)
        receiver.delay = 0


def answering(*codes: grpc.StatusCode) -> Callable[[Stage, Witness], None]:
    """It answers with errors, one after the other, then well."""

    def run(stage: Stage, witness: Witness) -> None:
        with listening(FaultyReceiver(), stage.node.namespace) as receiver:
            service = stage.counted(_otlp(receiver.url))
            witness.await_("values arrive", lambda: _arrived(receiver), 20)
            for code in codes:
                receiver.code = code
                _failing(service, witness, int(_exports(service).get("failure", 0)) + 2)
            SENT.send(stage.node, 4)
            receiver.code = None
            _recovers(service, receiver, witness)
            _stops(service, witness)

    return run


def refusing_http(stage: Stage, witness: Witness) -> None:
    """HTTP status 400, then well."""
    with listening_http(RefusingHttp(), stage.node.namespace) as receiver:
        service = stage.counted({**_otlp(receiver.url), "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"})
        witness.await_("values arrive", lambda: _arrived(receiver), 20)
        receiver.refusing = True
        _failing(service, witness, 3)
        SENT.send(stage.node, 4)
        receiver.refusing = False
        _recovers(service, receiver, witness)
        _stops(service, witness)


_PROMISE = "no scrape waits, memory stays, the stop is in time"
FAULTS = (
    Fault("OTLP collector down for the whole run", _PROMISE, down),
    Fault("OTLP collector slower than the interval", f"{_PROMISE}, nothing fails", slow),
    Fault("OTLP collector that never answers", _PROMISE, hanging),
    Fault("OTLP retryable errors (UNAVAILABLE, RESOURCE_EXHAUSTED)", f"{_PROMISE}, what was missed arrives afterwards",
          answering(_UNAVAILABLE, _EXHAUSTED)),
    Fault("OTLP permanent errors (INVALID_ARGUMENT, PERMISSION_DENIED)",
          f"{_PROMISE}, what was missed arrives afterwards", answering(_INVALID, _DENIED), quick=True),
    Fault("OTLP over HTTP refused with 400", f"{_PROMISE}, what was missed arrives afterwards", refusing_http),
)  # fmt: skip


def _otlp(url: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(int(_TIMEOUT * 1000)),
        "OTEL_METRIC_EXPORT_INTERVAL": str(int(_INTERVAL * 1000)),
    }


def _failing(service: Service, witness: Witness, failures: int) -> None:
    """Wait through failing pushes; scrapes go on, and memory stays."""
    before = _megabytes(service)
    witness.await_(f"{failures} pushes failed", lambda: _exports(service).get("failure", 0) >= failures, 90)
    grown = _megabytes(service) - before
    witness.see(f"memory {grown:+.1f} MB", grown <= _MEGABYTES)
    _unhindered(service, witness)


def _unhindered(service: Service, witness: Witness) -> None:
    began = time.monotonic()
    witness.expect("all series served", policy_series(service) == counted())
    took = time.monotonic() - began
    witness.see(f"a scrape takes {took * 1000:.0f} ms", took < _SCRAPE)


def _recovers(service: Service, receiver: Receiver, witness: Witness) -> None:
    truth = sorted(counted(2)[OTLP_METRIC].values())
    witness.await_("all that was counted arrived", lambda: sorted(newest(receiver).values()) == truth, 30)
    witness.expect("the page says the same", policy_series(service) == counted(2))


def _stops(service: Service, witness: Witness) -> None:
    began = time.monotonic()
    code = service.stop(_STOP)
    witness.see(f"stopped with {code} after {time.monotonic() - began:.1f} s", code == 0)


def _arrived(receiver: Receiver) -> bool:
    return sorted(newest(receiver).values()) == sorted(counted()[OTLP_METRIC].values())


def _exports(service: Service) -> dict[str, float]:
    series = service.scrape().get("otel_calico_otlp_exports_total", {})
    return {dict(labels)["result"]: value for labels, value in series.items()}


def _megabytes(service: Service) -> float:
    return float(psutil.Process(service.process.pid).memory_info().rss) / 1e6
