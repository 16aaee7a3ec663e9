"""The native nftables dataplane in network namespaces: found beside whatever else is there, and its absence told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.config import IptablesSettings
from otel_calico.ruleset.parse import parse
from otel_calico.service.wiring import felix_backends
from otel_calico.sources.backends import Backend
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.felix.nftables import render_nftables
from tests.node.iptables import BACKENDS, load
from tests.node.namespace import Namespace
from tests.node.nftables import delete_table, list_table, load_table
from tests.ruleset.contents import told
from tests.sources.reader import Reader

pytestmark = pytest.mark.node

RULESET = render(example_node(Era.E))
BIGGER = render(example_node(Era.E, "cali0d7763386da", "cali2"))
TABLE, TABLE6 = (render_nftables(example_node(Era.E), version) for version in IPVersion)


def listed(namespace: Namespace, version: int = 4) -> str:
    """What the kernel's table says, as nft lists it."""
    return repr(told(parse(list_table(namespace, version))))


@pytest.mark.parametrize("explicit", [(), ("nftables",)])
def test_both_ip_versions_of_the_native_table_are_read(
    namespace: Namespace, readers: Callable[..., Reader], explicit: tuple[str, ...]
) -> None:
    load_table(namespace, TABLE.restore())
    load_table(namespace, TABLE6.restore())
    reader = readers(*explicit)
    for _ in range(2):
        answer = reader.read()
        assert (answer["backend"], answer["unlocked"]) == ("nftables", False)
        assert answer["texts"] == {str(version): listed(namespace, version) for version in (4, 6)}


def test_a_node_with_one_ip_version_is_read(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load_table(namespace, TABLE.restore())
    reader = readers()
    first, second = reader.read(), reader.read()
    assert (first["backend"], first["texts"]["4"]) == ("nftables", listed(namespace))
    assert sorted(second["texts"]) == ["4"]


@pytest.mark.parametrize("other", BACKENDS)
def test_chains_that_iptables_left_and_nothing_enters_do_not_hide_the_native_table(
    namespace: Namespace, readers: Callable[..., Reader], other: str
) -> None:
    load_table(namespace, TABLE.restore())
    left_over = "\n".join(line for line in RULESET.restore().split("\n") if not line.startswith("-A FORWARD"))
    load(namespace, left_over, other)
    assert readers().read()["backend"] == "nftables"


def test_of_two_that_packets_enter_the_one_that_gets_rules_is_used(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load_table(namespace, TABLE.restore())
    load(namespace, RULESET.restore(), "legacy")
    reader = readers()
    assert reader.read()["backend"] == "nftables"

    load(namespace, BIGGER.restore(), "legacy")
    assert [reader.read()["backend"] for _ in range(2)] == ["legacy"] * 2

    delete_table(namespace)
    assert reader.read()["backend"] == "legacy"
    load_table(namespace, TABLE.restore())
    reader.order("wait 61")
    assert reader.read()["backend"] == "nftables"


def test_a_switch_to_the_native_dataplane_and_back_is_followed(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load(namespace, RULESET.restore(), "nft")
    reader = readers()
    assert reader.read()["backend"] == "nft"

    for chain in ("-F", "-X"):
        namespace.run("iptables-nft", chain)
    load_table(namespace, TABLE.restore())
    assert reader.read()["backend"] == "nftables"

    delete_table(namespace)
    load(namespace, RULESET.restore(), "nft")
    assert reader.read()["backend"] == "nft"


def test_an_ip_version_whose_table_goes_takes_nothing_from_the_other(
    namespace: Namespace, readers: Callable[..., Reader]
) -> None:
    load_table(namespace, TABLE.restore())
    load_table(namespace, TABLE6.restore())
    reader = readers()
    assert sorted(reader.read()["texts"]) == ["4", "6"]

    delete_table(namespace, 6)
    for texts in (reader.read()["texts"] for _ in range(2)):
        assert texts["4"] == listed(namespace)
        assert texts.get("6") != ""


def test_iptables_alone_is_read_where_that_is_asked_for(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load_table(namespace, TABLE.restore())
    load(namespace, RULESET.restore(), "nft")
    assert readers("nft").read()["backend"] == "nft"


AUTO = [Backend.NFTABLES, Backend.NFT, Backend.LEGACY]


@pytest.mark.parametrize(
    ("felix", "backends"),
    [
        ({}, AUTO),
        ({"backend": "auto", "nftables_mode": "Auto"}, AUTO),
        ({"backend": "nft"}, [Backend.NFTABLES, Backend.NFT]),
        ({"backend": "legacy", "nftables_mode": "Disabled"}, [Backend.LEGACY]),
        ({"nftables_mode": "Disabled"}, [Backend.NFT, Backend.LEGACY]),
        ({"backend": "legacy", "nftables_mode": "Enabled"}, [Backend.NFTABLES]),
        ({"backend": "nftables"}, [Backend.NFTABLES]),
    ],
)
def test_what_is_looked_at_follows_felixs_settings(felix: Mapping[str, Any], backends: list[Backend]) -> None:
    assert felix_backends(IptablesSettings(**felix)) == backends


def test_another_table_of_that_name_is_not_felixs(namespace: Namespace, readers: Callable[..., Reader]) -> None:
    load_table(namespace, "add table ip calico\nadd chain ip calico mine\nadd rule ip calico mine counter accept\n")
    load(namespace, RULESET.restore(), "nft")
    assert readers().read()["backend"] == "nft"


@pytest.mark.parametrize("explicit", [(), ("nftables",)])
def test_pinned_maps_of_calico_tell_ebpf_where_no_chains_do(
    namespace: Namespace, readers: Callable[..., Reader], explicit: tuple[str, ...]
) -> None:
    namespace.run("iptables-nft", "-A", "FORWARD", "-j", "ACCEPT")
    namespace.run("sh", "-euc", "mount -t tmpfs tmpfs /sys/fs/bpf; mkdir -p /sys/fs/bpf/tc/globals")
    reader = readers(*explicit)
    assert "error" not in reader.read()

    namespace.run("touch", "/sys/fs/bpf/tc/globals/cali_rule_ctrs2")
    reader.order("wait 61")
    answer = reader.read()
    assert answer["error"] == "ebpf_dataplane"
    assert "add the capabilities BPF" in answer["message"]

    load_table(namespace, TABLE.restore())  # maps may be left over
    reader.order("wait 61")
    assert reader.read()["backend"] == "nftables"


def test_a_table_that_is_not_there_is_shown_without_rules(readers: Callable[..., Reader]) -> None:
    without_rules = "*filter\nCOMMIT\n"
    assert readers("nftables").read()["texts"] == {"4": without_rules, "6": without_rules}


def test_an_nft_that_fails_is_told(namespace: Namespace, readers: Callable[..., Reader], tmp_path: Path) -> None:
    load_table(namespace, TABLE.restore())
    broken = tmp_path / "nft"
    broken.write_text(
        "#!/bin/sh\necho 'nft: cannot open shared object file: No such file or directory' >&2\nexit 127\n"
    )
    broken.chmod(0o755)
    answer = readers("nftables", "2.0", "nft", path=f"{tmp_path}:{os.environ['PATH']}").read()
    assert (answer["error"], "shared object" in answer["message"]) == ("exit_status", True)
