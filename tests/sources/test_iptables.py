"""Real iptables in network namespaces: the right backend, both IP versions, the lock, and never a module loaded."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_calico.calico.model import IPVersion
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.node.iptables import BACKENDS, load, save, set_counters
from tests.node.namespace import Namespace
from tests.sources.reader import Reader

pytestmark = pytest.mark.node

RULESET = render(example_node(Era.E))
RULESET6 = render(example_node(Era.E), IPVersion.V6)
BIGGER = render(example_node(Era.E, "cali0d7763386da", "cali2", "cali3"))


def rules(text: str) -> list[str]:
    """A dump without its dated comments."""
    return [line for line in text.split("\n") if not line.startswith("#")]


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_both_ip_versions_of_felix_backend_are_read(
    namespace: Namespace, readers: Callable[..., Reader], backend: str, *, explicit: bool
) -> None:
    load(namespace, RULESET.restore(), backend)
    load(namespace, RULESET6.restore(), backend, 6)

    reader = readers(*([backend] if explicit else []))

    for _ in range(2):
        answer = reader.read()
        assert (answer["backend"], answer["unlocked"], sorted(answer["texts"])) == (backend, False, ["4", "6"])
        assert rules(answer["texts"]["4"]) == rules(save(namespace, backend))
        assert rules(answer["texts"]["6"]) == rules(save(namespace, backend, 6))


@pytest.mark.parametrize("backend", BACKENDS)
def test_left_over_chains_that_nothing_enters_do_not_hide_felix(
    namespace: Namespace, readers: Callable[..., Reader], backend: str
) -> None:
    other = next(each for each in BACKENDS if each != backend)
    load(namespace, RULESET.restore(), backend)
    left_over = "\n".join(line for line in BIGGER.restore().split("\n") if not line.startswith("-A FORWARD"))
    load(namespace, left_over, other)

    assert readers().read()["backend"] == backend


def test_of_two_rulesets_in_force_the_one_that_gets_rules_is_felixs_and_stays_so_in_quiet_times(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, BIGGER.restore(), "legacy")
    load(namespace, RULESET.restore(), "nft")
    reader = readers()
    assert reader.read()["backend"] == "legacy"  # nothing tells

    load(namespace, BIGGER.restore(), "nft")
    for _ in range(2):
        assert reader.read()["backend"] == "nft"

    for former in ("-F", "-X"):
        namespace.run("iptables-legacy", former)
        assert reader.read()["backend"] == "nft"
    load(namespace, RULESET.restore(), "legacy")
    reader.order("wait 61")
    assert reader.read()["backend"] == "legacy"


def test_of_two_rulesets_in_force_fewer_packets_entered_the_younger_one(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, BIGGER.restore(), "legacy")
    load(namespace, RULESET.restore(), "nft")
    set_counters(namespace, BIGGER.dump(dict.fromkeys(BIGGER.hashes, (5, 300))), "legacy")
    assert readers().read()["backend"] == "nft"


def test_felixs_setting_tells_where_nothing_else_does(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load(namespace, RULESET.restore(), "legacy")
    load(namespace, BIGGER.restore(), "nft")
    assert [readers(backend).read()["backend"] for backend in BACKENDS] == list(BACKENDS)


def test_a_switch_of_backends_is_followed(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load(namespace, RULESET.restore(), "legacy")
    reader = readers()
    assert reader.read()["backend"] == "legacy"

    namespace.run("iptables-legacy", "-F")
    namespace.run("iptables-legacy", "-X")
    load(namespace, RULESET.restore(), "nft")

    assert reader.read()["backend"] == "nft"


def test_ipv6_that_begins_later_is_found(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load(namespace, RULESET.restore(), "nft")
    reader = readers()
    assert next(iter(reader.read()["texts"])) == "4"

    load(namespace, RULESET6.restore(), "nft", 6)
    reader.order("wait 61")

    assert sorted(reader.read()["texts"]) == ["4", "6"]


@pytest.mark.parametrize("explicit", [(), ("legacy",)])
def test_legacy_programs_never_run_where_no_legacy_table_is(
    namespace: Namespace, readers: Callable[..., Reader], tmp_path: Path, explicit: tuple[str, ...]
) -> None:
    for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
        script = tmp_path / program
        script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        script.chmod(0o755)
    load(namespace, RULESET.restore(), "nft")

    answer = readers(*explicit, path=f"{tmp_path}:{os.environ['PATH']}").read()

    assert answer["backend"] == "nft"
    assert not (tmp_path / "ran").exists()


def test_a_table_that_the_kernel_does_not_have_is_shown_without_rules(readers: Callable[..., Reader]) -> None:
    without_rules = "*filter\nCOMMIT\n"
    assert readers("legacy").read() == {
        "backend": "",
        "unlocked": False,
        "texts": {"4": without_rules, "6": without_rules},
        "readers": {"4": "iptables-save", "6": "iptables-save"},
    }


def test_a_program_that_prints_nothing_is_an_error_though_another_table_has_no_rules(
    namespace: Namespace, readers: Callable[..., Reader], tmp_path: Path
) -> None:
    load(namespace, RULESET.restore(), "legacy")
    reader = readers(path=f"{tmp_path}:{os.environ['PATH']}")
    assert reader.read()["backend"] == "legacy"

    silent = tmp_path / "iptables-legacy-save"
    silent.write_text("#!/bin/sh\n")
    silent.chmod(0o755)
    reader.order("wait 61")
    answer = reader.read()
    assert (answer["error"], answer["message"]) == ("empty", "iptables-legacy-save printed no table: ''")


@contextlib.contextmanager
def held(namespace: Namespace) -> Iterator[Path]:
    """The node's xtables lock in the hands of a writer."""
    path = namespace.path("/run/xtables.lock")
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def test_a_legacy_read_waits_for_a_writer(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load(namespace, RULESET.restore(), "legacy")
    reader = readers("legacy", "5")
    with held(namespace):
        reader.order("read")
        time.sleep(0.6)
    assert reader.answer()["unlocked"] is False


def test_a_legacy_read_gives_up_on_a_writer_that_does_not_end_and_says_so(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, RULESET.restore(), "legacy")
    load(namespace, RULESET6.restore(), "legacy", 6)
    reader = readers("legacy", "0.2")
    with held(namespace):
        started = time.monotonic()
        answer = reader.read()
        assert time.monotonic() - started < 5
        assert (answer["unlocked"], sorted(answer["texts"])) == (True, ["4", "6"])
    assert reader.read()["unlocked"] is False


def test_one_read_without_the_lock_makes_the_whole_scan_unlocked(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, RULESET.restore(), "legacy")
    load(namespace, RULESET6.restore(), "legacy", 6)
    reader = readers("legacy", "0.5")
    reader.read()
    with held(namespace):
        reader.order("read")
        time.sleep(0.75)  # IPv4 gave up and was read without; IPv6 gets the lock now
    assert reader.answer()["unlocked"] is True


def test_nft_is_read_without_the_lock(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load(namespace, RULESET.restore(), "nft")
    namespace.path("/run/xtables.lock").touch()
    reader = readers("nft", "30")
    with held(namespace):
        assert reader.read()["unlocked"] is False


def test_no_counter_falls_while_another_program_writes_all_the_time(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, RULESET.restore(), "legacy")
    many = "".join(f":other-{number} - -\n-A other-{number} -j RETURN\n" for number in range(300))
    namespace.run("iptables-legacy-restore", "--noflush", text=f"*filter\n{many}COMMIT\n")
    set_counters(namespace, save(namespace, "legacy").replace("[0:0] -A", "[7:420] -A"), "legacy")
    table = "*filter\n:churn - -\n-A churn -j RETURN\nCOMMIT\n"
    script = f"while :; do printf '{table}' | iptables-legacy-restore -w --noflush; done"
    writer = subprocess.Popen(namespace.command("sh", "-c", script), start_new_session=True)
    try:
        reader, end, reads = readers("legacy"), time.monotonic() + 2, 0
        while time.monotonic() < end:
            answer = reader.read()
            reads += 1
            counters = {line.split("]")[0] for line in answer["texts"]["4"].split("\n") if "-A cali-" in line}
            assert (counters, answer["unlocked"]) == ({"[7:420"}, False)
        assert reads > 5
    finally:
        os.killpg(writer.pid, 9)
        writer.wait()


@pytest.mark.parametrize(("failures", "told"), [(2, ""), (3, "exit_status")])
def test_a_save_that_meets_a_rule_whose_ip_set_has_just_gone_is_run_again(
    namespace: Namespace, readers: Callable[..., Reader], tmp_path: Path, failures: int, told: str
) -> None:
    load(namespace, RULESET.restore(), "nft")
    reader = readers("nft", path=f"{tmp_path}:{os.environ['PATH']}")
    assert reader.read()["backend"] == "nft"

    (tmp_path / "failures").write_text("x" * failures)
    save_program = tmp_path / "iptables-nft-save"
    save_program.write_text(f"""#!/bin/sh
read -r left < {tmp_path}/failures
[ -z "$left" ] && exec {shutil.which("iptables-nft-save")} "$@"
echo "${{left%x}}" > {tmp_path}/failures
printf '*filter\n:cali-FORWARD - [0:0]\n[0:0] -A cali-FORWARD -m set'
echo "iptables-nft-save v1.8.9 (nf_tables): Set with index 0 in kernel doesn't exist." >&2
exit 2
""")
    save_program.chmod(0o755)
    answer = reader.read()
    assert answer.get("error", "") == told
    if not told:
        assert rules(answer["texts"]["4"]) == rules(save(namespace, "nft"))
