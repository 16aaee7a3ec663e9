"""`iptables-save` replaced by programs that misbehave: the scan fails and says why, nothing is made up or left over."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from endurance.faults.fault import Fault, Witness
from endurance.faults.stage import Stage, counted, policy_series
from tests.end_to_end.traffic import POLICY_METRICS
from tests.node.programs import PATH, Program, find_program
from tests.node.service import Service

_NAMES = ("iptables-nft-save", "ip6tables-nft-save")
_TIME_LIMIT = 2.0  # seconds, as the service is told
_SLEEP = "98.613"  # by which what is left over is known
_PROMISE = "the scan fails and says why, no series is made up, no process is left, the next good table counts"


class _Replaced(Program):
    """A directory first on the PATH with programs that do what a real one does, or what they are told."""

    def __init__(self) -> None:
        super().__init__("save-programs")
        self.heal()

    def heal(self) -> None:
        """Be the real programs again."""
        for name in _NAMES:
            self._write(name, f'exec {find_program(name)} "$@"')

    def misbehave(self, script: str) -> None:
        """Do something else; `{real}` in the script is the real program."""
        for name in _NAMES:
            self._write(name, script.replace("{real}", find_program(name)))

    def _write(self, name: str, script: str) -> None:
        file = self.directory / f"{name}.new"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        file.rename(self.directory / name)


def doing(script: str, *kinds: str) -> Callable[[Stage, Witness], None]:
    """A program that does something else; `kinds` are the reasons that may be given for the failed scan."""

    def run(stage: Stage, witness: Witness) -> None:
        programs = stage.keep(_Replaced())
        env = {"PATH": f"{programs.directory}:{PATH}", "OTEL_CALICO_IPTABLES_TIME_LIMIT": f"{_TIME_LIMIT}s"}
        service = stage.counted(env)
        before = _megabytes(service)
        programs.misbehave(script)
        _fails(service, witness, kinds)
        witness.see(f"memory {_megabytes(service) - before:+.0f} MB", _megabytes(service) - before < 20)
        witness.await_("no process of it is left", lambda: not _left(service), 1.0)
        programs.heal()
        witness.expect("the next scrape has all series", policy_series(service) == counted())

    return run


def _fails(service: Service, witness: Witness, kinds: tuple[str, ...]) -> None:
    began = time.monotonic()
    page = service.scrape()
    took = time.monotonic() - began
    witness.see(f"answered after {took:.1f} s", took < _TIME_LIMIT + 3)
    witness.expect("scan_success 0", page["otel_calico_scan_success"] == {frozenset(): 0})
    witness.expect("no policy series", not page.keys() & set(POLICY_METRICS))
    ready = service.get("/readyz")
    reason = ready.text.partition("(")[2].partition(")")[0]
    witness.see(f"/readyz {ready.status} ({reason})", ready.status == 503 and reason in kinds)


FAULTS = (
    Fault("iptables-save hangs", _PROMISE, doing(f"sleep {_SLEEP}", "time_limit"), quick=True),
    Fault("iptables-save hangs, ignores SIGTERM", _PROMISE,
          doing(f"trap '' TERM INT HUP; sleep {_SLEEP}; sleep {_SLEEP}", "time_limit")),
    Fault("iptables-save crashes half way", _PROMISE, doing("{real} \"$@\" | head -n 40; kill -SEGV $$", "exit_status"),
          quick=True),
    Fault("iptables-save prints half a table, exit 0", _PROMISE, doing("{real} \"$@\" | head -n 40", "truncated"),
          quick=True),
    Fault("iptables-save prints 1 GB", _PROMISE, doing("exec head -c 1G /dev/zero", "too_large", "time_limit")),
    Fault("iptables-save prints without end, slowly", _PROMISE,
          doing("while :; do echo ':INPUT'; done", "time_limit")),
    Fault("iptables-save forks 50 children that stay", _PROMISE,
          doing(f"i=0; while [ $i -lt 50 ]; do sleep {_SLEEP} & i=$((i+1)); done; exit 3", "exit_status"), quick=True),
    Fault("iptables-save prints nothing, exit 0", _PROMISE, doing("exit 0", "empty"), quick=True),
    Fault("iptables-save prints garbage", _PROMISE, doing("head -c 100000 /dev/urandom", "empty", "truncated")),
    Fault("iptables-save without counters", _PROMISE, doing("{real} -t filter", "no_counters", "empty")),
    Fault("iptables-save cannot run (exit 127)", _PROMISE, doing("exit 127", "exit_status", "missing_binary")),
)  # fmt: skip


def _left(service: Service) -> list[str]:
    own = {child.pid for child in psutil.Process(service.process.pid).children(recursive=True)}
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if process.pid in own or _SLEEP in (process.info["cmdline"] or [])
    ]


def _megabytes(service: Service) -> float:
    return float(psutil.Process(service.process.pid).memory_info().rss) / 1e6
