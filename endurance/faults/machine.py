"""The machine around it: disks are full, nobody reads the log, the clock jumps, memory of the node is short."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from endurance.faults.fault import Fault, Witness
from endurance.faults.receiver import FaultyReceiver, listening
from endurance.faults.stage import OTLP_METRIC, SENT, Stage, counted, policy_series, scan_succeeds
from tests.node.programs import Program
from tests.node.service import Service

_CLOCK = "libfaketime.so.1"
_FULL = 'mount -t tmpfs -o size=4k tmpfs /mnt; head -c 4k /dev/zero >/mnt/full 2>/dev/null; cd /mnt; exec "$@"'
_UNREAD = """
import os, sys
reader, writer = os.pipe()
os.close(reader)
os.dup2(writer, 1)
os.dup2(writer, 2)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_STARTS = 5
_STEPS = {"an hour ahead": "+1h", "a day back": "-1d", "ten years ahead": "+10y", "right again": "+0"}


def disk_full(stage: Stage, witness: Witness) -> None:
    """Not a byte can be written: neither to the place for temporary files, nor where it runs, nor to the log."""
    through = ("unshare", "--mount", "sh", "-euc", f"{_FULL} >/dev/full 2>&1", "sh")
    service = stage.counted({"PYTHONPATH": str(Path.cwd()), "TMPDIR": "/mnt"}, through=through)
    witness.expect("it starts and counts", policy_series(service) == counted())
    stage.node.etcd.kill()  # something to write into the log
    time.sleep(1)
    witness.expect("all series served after events it could not log", policy_series(service) == counted())
    stage.node.etcd.start()
    code = service.stop()
    witness.see(f"stopped with {code} (120: Python could not write the log's end)", code in {0, 120})


def log_unread(stage: Stage, witness: Witness) -> None:
    """The reader of the log went away: every write fails with EPIPE."""
    service = stage.counted(through=(sys.executable, "-c", _UNREAD))
    stage.node.etcd.kill()
    time.sleep(1)
    witness.expect("all series served after events it could not log", policy_series(service) == counted())
    stage.node.etcd.start()


def clock_step(stage: Stage, witness: Witness) -> None:
    """The wall clock jumps while it runs; only the service's, through a library loaded before it."""
    clock = stage.keep(Program("clock"))
    file = clock.directory / "offset"
    file.write_text("+0\n")
    with listening(FaultyReceiver(), stage.node.namespace) as receiver:
        service = _started(
            stage,
            {
                "LD_PRELOAD": str(_library()),
                "FAKETIME_TIMESTAMP_FILE": str(file),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_METRIC_EXPORT_INTERVAL": "200",
            },
        )
        for times, (name, offset) in enumerate(_STEPS.items(), 2):
            file.write_text(f"{offset}\n")
            requests = len(receiver.requests)
            SENT.send(stage.node, 4)
            page = service.scrape()
            age = page["otel_calico_scan_last_success_age_seconds"][frozenset()]
            witness.see(f"{name}: last scan {age:.0f} s ago", 0 <= age < 5)
            witness.expect("numbers right", policy_series(service) == counted(times) and scan_succeeds(service))
            witness.await_("pushes go on", lambda known=requests: len(receiver.requests) > known + 2, 10)  # type: ignore[misc]
        points = receiver.points(OTLP_METRIC)
        backwards = [point for point in points if point.start > point.time]
        witness.see(f"{len(backwards)} of {len(points)} points start after their time", not backwards)


FAULTS = (
    Fault("disk full", "it starts, counts and stops: it writes nothing but its log", disk_full, quick=True),
    Fault("nobody reads the log (EPIPE)", "scans and pages go on", log_unread),
    Fault("clock steps of hours, days, years",
          "numbers stay; ages are true; pushes go on; no point starts after its time", clock_step),
)  # fmt: skip


def _started(stage: Stage, env: Mapping[str, str]) -> Service:
    """The service under another clock. libfaketime crashes one program of many threads in four as it starts."""
    for _ in range(_STARTS):
        try:
            return stage.counted(env)
        except RuntimeError as error:
            died = error
    raise died


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{_CLOCK}"))
    if not found:
        raise FileNotFoundError(f"{_CLOCK} is not installed: run `make setup`")
    return found[0]
