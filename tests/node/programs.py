"""Programs that tests start: found on PATH or explained, logged to a file, always ended."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

PATH = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MissingProgramError(Exception):
    """A program the tests need is not installed."""


def find_program(name: str) -> str:
    """Full path of a program. Raises MissingProgramError, which says how to install it."""
    path = shutil.which(name, path=PATH)
    if path is None:
        raise MissingProgramError(f"{name} is not installed: run `make setup`")
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], object], what: str = "what the test waits for", seconds: float = 10.0) -> None:
    """Ask every 10 ms until the answer is yes. Raises TimeoutError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class Program:
    """A running program with a directory of its own, removed with it; output goes to a log in that directory."""

    def __init__(self, name: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix=f"otel-calico-{name}-")
        self.name = name
        self.directory = Path(self._temporary.name)
        self._log = self.directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start the program; `env` is added to a bare environment."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": PATH, **(env or {})}
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process. Raises RuntimeError while it is not started."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process

    @property
    def log(self) -> str:
        """All the program said so far, on both of its outputs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
        """Wait until `ready`. Raises RuntimeError with the log's end if the program ends or time is up."""

        def ready_or_ended() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log[-2000:]}")
            return ready()

        try:
            wait_until(ready_or_ended, what, seconds)
        except TimeoutError as error:
            raise RuntimeError(f"{self.name}: {error}: {self.log[-2000:]}") from error

    def pause(self) -> None:
        """Stop the program's clock (SIGSTOP): connections stay, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the program with SIGKILL: it cannot say goodbye."""
        process = self.process
        self._process = None
        process.kill()
        process.wait()

    def stop(self, seconds: float = 10.0) -> int:
        """End the program with SIGTERM and return its exit code; SIGKILL and RuntimeError if it takes too long."""
        process = self.process
        self._process = None
        process.terminate()
        process.send_signal(signal.SIGCONT)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{self.name} did not end within {seconds} s of SIGTERM: {self.log[-2000:]}") from None

    def close(self) -> None:
        """End the program if it runs, and remove its directory."""
        try:
            if self._process is not None:
                self.stop()
        finally:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
