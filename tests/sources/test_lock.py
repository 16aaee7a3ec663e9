"""The xtables lock: readers share it, writers wait for readers, nobody waits for ever."""

from __future__ import annotations

import fcntl
import subprocess
import time
from pathlib import Path

from otel_calico.sources.lock import XtablesLock


def test_readers_share_the_lock_and_a_writer_waits_for_them(tmp_path: Path) -> None:
    path = tmp_path / "xtables.lock"
    path.touch()
    with XtablesLock(path).shared() as first, XtablesLock(path, wait=0.0).shared() as second:
        assert (first, second) == (True, True)
        assert subprocess.run(["flock", "-x", "-n", path, "true"], check=False).returncode == 1
        writer = subprocess.Popen(["flock", "-x", path, "true"])
        time.sleep(0.1)
        assert writer.poll() is None
    assert writer.wait(timeout=5) == 0


def test_a_reader_waits_for_a_writer_and_then_has_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "xtables.lock"
    with subprocess.Popen(["flock", "-x", path, "sh", "-c", "echo held; sleep 0.3"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        writer.stdout.readline()
        started = time.monotonic()
        with XtablesLock(path, wait=5.0).shared() as locked:
            assert locked
        assert 0.1 < time.monotonic() - started < 3


def test_a_reader_gives_up_after_its_wait(tmp_path: Path) -> None:
    path = tmp_path / "xtables.lock"
    with path.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        started = time.monotonic()
        with XtablesLock(path, wait=0.2).shared() as locked:
            assert not locked
        assert 0.2 <= time.monotonic() - started < 1.0


def test_a_lock_that_cannot_be_opened_is_not_had(tmp_path: Path) -> None:
    with XtablesLock(tmp_path / "missing" / "xtables.lock").shared() as locked:
        assert not locked


def test_a_lock_file_that_does_not_exist_is_not_made_since_nobody_else_would_use_it(tmp_path: Path) -> None:
    path = tmp_path / "xtables.lock"
    with XtablesLock(path).shared() as locked:
        assert not locked
    assert not path.exists()
