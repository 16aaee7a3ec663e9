"""The log as a process writes it."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")

PROGRAM = """
import logging, sys, structlog
from otel_calico import logs
logs.configure(*sys.argv[1:])
log = structlog.get_logger("otel_calico.datastores.reflector")
log.debug("watch_event")
log.warning("datastore_disconnected", endpoint="http://e:2379", error="é\\n")
logging.getLogger("grpc").info("not of interest")
logging.getLogger("opentelemetry.sdk").warning("export to %s failed", "http://c")
try:
    password = "hunter2"
    raise RuntimeError("boom")
except RuntimeError:
    log.exception("scan_failed")
"""


def lines(*arguments: str) -> list[str]:
    """What the program writes to standard error, without times."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == ""
    assert "hunter2" not in ended.stderr
    return TIME.sub("TIME", ended.stderr).splitlines()


def test_away_from_a_terminal_every_event_is_one_json_line() -> None:
    ours, library, failure = (json.loads(line) for line in lines("info", "auto"))
    logger = "otel_calico.datastores.reflector"
    assert ours == {
        "timestamp": "TIME",
        "level": "warning",
        "logger": logger,
        "event": "datastore_disconnected",
        "endpoint": "http://e:2379",
        "error": "é\n",
    }
    assert library == {
        "timestamp": "TIME",
        "level": "warning",
        "logger": "opentelemetry.sdk",
        "event": "export to http://c failed",
    }
    assert failure.pop("exception").endswith("RuntimeError: boom")
    assert failure == {"timestamp": "TIME", "level": "error", "logger": logger, "event": "scan_failed"}


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["watch_event", "datastore_disconnected", "export to http://c failed", "scan_failed"]),
        ("warning", ["datastore_disconnected", "export to http://c failed", "scan_failed"]),
        ("error", ["scan_failed"]),
    ],
)
def test_the_level_holds_for_us_and_libraries_speak_from_warnings_on(level: str, events: list[str]) -> None:
    assert [json.loads(line)["event"] for line in lines(level, "json")] == events


def test_the_console_form_has_no_colours_away_from_a_terminal() -> None:
    first = lines("info", "console")[0]
    assert re.sub(" +", " ", first) == (
        "TIME [warning ] datastore_disconnected [otel_calico.datastores.reflector] endpoint=http://e:2379 error='é\\n'"
    )


def test_a_terminal_gets_colours() -> None:
    reader, terminal = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", PROGRAM, "info", "auto"], stderr=terminal, timeout=60, check=True)
        written = os.read(reader, 100_000).decode()
    finally:
        os.close(reader)
        os.close(terminal)
    assert "\x1b[" in written
    assert "scan_failed" in written
