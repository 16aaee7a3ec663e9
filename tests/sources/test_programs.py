"""What the save programs may do wrong: each has a kind of its own, a message that helps, and leaves nothing running."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.sources.backends import Backend
from otel_calico.sources.command import Commands, Limits
from otel_calico.sources.kernel import KernelSettings, KernelSource
from otel_calico.sources.ruleset_source import SourceError
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.node.programs import wait_until
from tests.sources.conftest import Install

V4 = render(example_node(Era.E)).dump()
V6 = render(example_node(Era.E), IPVersion.V6).dump()


@pytest.fixture
def install(tmp_path: Path, install: Install) -> Install:
    """Writes scripts, beside those of both IP versions, which work well."""
    for name, text in (("iptables-nft-save", V4), ("ip6tables-nft-save", V6)):
        (tmp_path / f"{name}.txt").write_text(text)
        install(name, f"cat {tmp_path}/{name}.txt")
    return install


def source(limits: Limits | None = None, clock: Callable[[], float] = time.monotonic) -> KernelSource:
    return KernelSource(KernelSettings([Backend.NFT], limits=limits or Limits()), clock)


def both(install: Install, script: str) -> None:
    for name in ("iptables-nft-save", "ip6tables-nft-save"):
        install(name, script)


def refusal(limits: Limits | None = None) -> SourceError:
    with pytest.raises(SourceError) as refused:
        source(limits).read()
    return refused.value


def all_backends(limits: Limits) -> KernelSource:
    return KernelSource(KernelSettings([Backend.NFTABLES, Backend.NFT, Backend.LEGACY], limits=limits, netlink=False))


def test_a_program_of_another_backend_that_hangs_keeps_only_the_first_scan_from_the_one_in_use(
    install: Install, tmp_path: Path
) -> None:
    install("nft", "exec sleep 100")
    for name in ("iptables-nft-save", "ip6tables-nft-save"):
        install(name, f"sleep 0.1; cat {tmp_path}/{name}.txt")
    hung = all_backends(Limits(0.8))
    with pytest.raises(SourceError, match="nft did not finish"):
        hung.read()
    assert [dump.text for dump in hung.read()] == [V4, V6]
    assert hung.backend == "nft"


def test_a_look_reads_the_backend_in_use_before_programs_of_others_can_hang(install: Install) -> None:
    install("nft", "echo 'Error: No such file or directory' >&2; exit 1")
    looking = all_backends(Limits(0.5))
    looking.read()
    install("nft", "exec sleep 100")
    for _ in range(2):
        looking.look_again()
        assert [dump.text for dump in looking.read()] == [V4, V6]


def test_a_program_gets_nothing_of_the_environment_but_where_programs_are(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCD_PASSWORD", "secret")
    program = install("show", "exec env")
    path = f"PATH={program.parent}:/usr/bin:/bin"
    assert {path} <= set(Commands().run(["show"], Limits()).split("\n")) <= {path, f"PWD={Path.cwd()}", ""}


def test_a_program_can_be_ended_by_signals_that_the_service_waits_for(install: Install) -> None:
    install("masked", "grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f 2")
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        blocked, ignored = (int(mask, 16) for mask in Commands().run(["masked"], Limits()).split())
        assert (blocked, ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)) == (0, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@pytest.mark.usefixtures("install")
def test_programs_on_the_path_are_run() -> None:
    assert [(dump.ip_version, dump.text) for dump in source().read()] == [(IPVersion.V4, V4), (IPVersion.V6, V6)]


def test_missing_programs_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refusal()
    assert error.kind == "missing_binary"
    assert "install" in str(error)


def test_one_program_for_both_backends_is_told_by_its_version(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    (tmp_path / "iptables-nft-save").unlink()
    (tmp_path / "ip6tables-nft-save").unlink()
    for name in ("iptables-save", "ip6tables-save"):
        install(
            name, f'[ "$1" = --version ] && echo "{name} v1.8.9 (nf_tables)" || cat {tmp_path}/{name[:-5]}-nft-save.txt'
        )
    assert [dump.text for dump in source().read()] == [V4, V6]


def test_a_failing_program_is_quoted(install: Install) -> None:
    both(install, "echo 'iptables-nft-save: it is Tuesday' >&2; exit 3")
    error = refusal()
    assert error.kind == "exit_status"
    assert "it is Tuesday" in str(error)
    assert "3" in str(error)


@pytest.mark.parametrize(
    "complaint",
    [
        "iptables-save v1.8.9 (nf_tables): Could not fetch rule set: Permission denied (you must be root)",
        "Fatal: Operation not permitted",
    ],
)
def test_a_refusal_of_the_kernel_is_told(install: Install, complaint: str) -> None:
    both(install, f"echo '{complaint}' >&2; exit 4")
    error = refusal()
    assert error.kind == "no_permission"
    assert "NET_ADMIN" in str(error)


def test_a_program_that_may_not_be_executed_is_told(tmp_path: Path) -> None:
    program = tmp_path / "iptables-nft-save"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(SourceError) as refused:
        Commands().run((str(program),), Limits())
    assert refused.value.kind == "no_permission"


def test_a_program_whose_interpreter_is_missing_is_not_told_as_missing(tmp_path: Path) -> None:
    program = tmp_path / "iptables-nft-save"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    with pytest.raises(SourceError, match="its interpreter or loader is missing") as refused:
        Commands().run((str(program),), Limits())
    assert refused.value.kind == "exit_status"


def test_a_program_killed_by_a_signal_is_told(install: Install) -> None:
    both(install, "kill -9 $$")
    error = refusal()
    assert (error.kind, "signal 9" in str(error)) == ("exit_status", True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "sleep 98.7",
        "trap '' TERM INT; sleep 98.7 & wait; sleep 98.7",
        "echo half; sleep 98.7",
        "while :; do echo line; done",
        "exec >&- 2>&-; sleep 98.7",
    ],
)
def test_a_program_that_does_not_end_is_killed_with_its_children(install: Install, script: str) -> None:
    both(install, script)
    started = time.monotonic()
    error = refusal(Limits(seconds=0.3))
    assert time.monotonic() - started < 3
    assert error.kind == "time_limit"
    assert "0.3 s" in str(error)
    wait_until(lambda: _children() == [], "all processes of the script ended", seconds=1.0)


def _children() -> list[str]:
    """What runs of the scripts."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "98.7" in words or any("nft-save" in word for word in words):
            found.append(" ".join(words))
    return found


def test_a_child_left_behind_by_a_program_that_ended_well_is_killed(install: Install, tmp_path: Path) -> None:
    for name in ("iptables-nft-save", "ip6tables-nft-save"):
        install(name, f"sleep 98.7 >/dev/null 2>&1 & cat {tmp_path}/{name}.txt")
    assert len(source().read()) == 2
    wait_until(lambda: _children() == [], "the child ended", seconds=1.0)


def test_output_without_end_is_cut_off(install: Install) -> None:
    both(install, f"exec {sys.executable} -c 'import os; [os.write(1, bytes(1 << 20)) for _ in range(300)]'")
    started = time.monotonic()
    error = refusal(Limits(seconds=20, octets=64 << 20))
    assert (error.kind, "64 MiB" in str(error)) == ("too_large", True)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("script", ["exit 0", "echo", "echo garbage", "head -c 5000 /dev/urandom"])
def test_nothing_and_garbage_are_no_table(install: Install, script: str) -> None:
    both(install, script)
    assert refusal().kind == "empty"


def test_a_complaint_as_long_as_a_book_is_cut(install: Install) -> None:
    both(install, f"{sys.executable} -c 'print(\"x\" * 1000000)' >&2; exit 1")
    assert len(str(refusal())) < 1000


def test_bytes_that_are_no_text_do_no_harm(install: Install, tmp_path: Path) -> None:
    install("iptables-nft-save", f"printf '\\377\\376\\n'; cat {tmp_path}/iptables-nft-save.txt")
    assert V4 in source().read()[0].text


@pytest.mark.parametrize("after", [0.0, 61.0])
def test_an_ip_version_that_cannot_be_read_is_an_error_and_not_gone(install: Install, after: float) -> None:
    ahead = 0.0
    at_work = source(clock=lambda: time.monotonic() + ahead)
    assert len(at_work.read()) == 2

    install("ip6tables-nft-save", "echo 'resource temporarily unavailable' >&2; exit 4")
    ahead = after

    with pytest.raises(SourceError) as refused:
        at_work.read()
    assert refused.value.kind == "exit_status"


@pytest.mark.usefixtures("install")
def test_an_ip_version_whose_program_is_gone_is_an_error_and_not_gone(tmp_path: Path) -> None:
    ahead = 0.0
    at_work = source(clock=lambda: time.monotonic() + ahead)
    assert len(at_work.read()) == 2

    program = tmp_path / "ip6tables-nft-save"
    aside = program.rename(tmp_path / "aside")
    ahead = 61.0
    for _ in range(2):  # as long as it is gone
        with pytest.raises(SourceError) as refused:
            at_work.read()
        assert (refused.value.kind, "ip6tables" in str(refused.value)) == ("missing_binary", True)

    aside.rename(program)
    assert len(at_work.read()) == 2


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_open(install: Install) -> None:
    at_work = source()
    at_work.read()
    before = _descriptors()
    for _ in range(5):
        at_work.read()
    both(install, "exit 1")
    for _ in range(5):
        with pytest.raises(SourceError):
            at_work.read()
    assert _descriptors() == before


def test_a_program_that_runs_when_the_service_stops_is_ended_and_no_other_is_started() -> None:
    commands = Commands()
    threading.Timer(0.3, commands.stop).start()
    started = time.monotonic()
    with pytest.raises(SourceError, match="signal 9"):
        commands.run(("sleep", "97.3"), Limits())
    assert time.monotonic() - started < 5
    with pytest.raises(SourceError, match="stopping"):
        commands.run(("true",), Limits())
