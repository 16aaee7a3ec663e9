"""What one version of iptables or nft writes another reads: this machine's and the image's, both ways.

The kernel tells native tables to the service itself, whoever wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.ruleset.parse import parse
from tests.end_to_end.live_node import DATAPLANES
from tests.felix import Era, render
from tests.felix.example import varied_node
from tests.felix.nftables import render_nftables
from tests.image.base import RELEASE
from tests.image.build import ROOT, Image
from tests.node.iptables import load, save
from tests.node.namespace import Namespace
from tests.node.nftables import list_table, load_table
from tests.ruleset.contents import Contents, told
from tests.sources.netlink.both_ways import read as native_table

pytestmark = [pytest.mark.node, pytest.mark.image, pytest.mark.timeout(900)]  # the first test builds the image

READS_NEW_TABLES = (1, 1)  # version of nft
_IN_IMAGE = 'for name in dev proc; do mount --rbind /$name "$0/$name"; done; exec chroot "$0" "$@"'


class Machine(Namespace):
    """A node with the programs of this machine, or with those of the image while `root` says where they are."""

    root = ""

    def command(self, *command: str) -> list[str]:
        """A command line of either."""
        through = ("unshare", "--mount", "sh", "-euc", _IN_IMAGE, self.root) if self.root else ()
        return super().command(*through, *command)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine() as made:
        yield made


def write(machine: Machine, dataplane: str) -> None:
    """Rules of every kind, as Felix writes them."""
    node = varied_node(Era.E)
    if dataplane == "nftables":
        load_table(machine, render_nftables(node, IPVersion.V4).restore())
    else:
        load(machine, render(node, IPVersion.V4).restore(), dataplane)


def read(machine: Machine, dataplane: str) -> Contents:
    """What the service understands of what the program prints."""
    return told(parse(list_table(machine) if dataplane == "nftables" else save(machine, dataplane)))


def version_of_nft(machine: Machine) -> tuple[int, int]:
    found = re.search(r"v(\d+)\.(\d+)", machine.run("nft", "--version"))
    assert found is not None
    return int(found[1]), int(found[2])


def test_the_base_of_the_tests_has_the_release_and_the_python_of_the_dockerfile(machine: Machine, image: Image) -> None:
    (named,) = re.findall(r"^ARG BASE=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    machine.root = str(image.root)
    major, minor, _ = machine.run("python", "--version").removeprefix("Python ").split(".")
    assert f"python:{major}.{minor}-slim-{RELEASE}" == named


@pytest.mark.parametrize("dataplane", DATAPLANES)
def test_the_image_reads_what_this_machine_writes(dataplane: str, machine: Machine, image: Image) -> None:
    write(machine, dataplane)
    by_machine = read(machine, dataplane)
    machine.root = str(image.root)
    assert read(machine, dataplane) == by_machine
    assert by_machine["chains"]


@pytest.mark.parametrize("dataplane", DATAPLANES)
def test_this_machine_reads_what_the_image_writes_unless_its_nft_is_old(
    dataplane: str, machine: Machine, image: Image
) -> None:
    machine.root = str(image.root)
    write(machine, dataplane)
    by_image = read(machine, dataplane)
    machine.root = ""
    if dataplane == "nftables":
        assert told(native_table(machine).ruleset) == by_image
    if dataplane == "nftables" and version_of_nft(machine) < READS_NEW_TABLES:
        with pytest.raises(RuntimeError, match="ended with -11"):
            read(machine, dataplane)
    else:
        assert read(machine, dataplane) == by_image
