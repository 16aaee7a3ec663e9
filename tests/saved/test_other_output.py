"""What is no saved ruleset is named for what it is, with the one command whose output is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_calico.calico.model import IPVersion
from otel_calico.sources.ruleset_file import FileSource
from otel_calico.sources.ruleset_source import SourceError
from tests.felix import Era, render
from tests.felix.example import example_node
from tests.felix.nftables import render_nftables
from tests.node.iptables import load, save
from tests.node.namespace import Namespace
from tests.node.nftables import load_table

DUMP = render(example_node(Era.E)).dump()
SAVE = "save `iptables-save -c` instead"
WHOLE = "save the whole of `iptables-save -c` instead"
LISTING = f"is a listing of `iptables -L`, which leaves out and rounds: {SAVE}"
SPECIFIED = f"is the output of `iptables -S`, without what the rules counted: {SAVE}"
FRAGMENT = f"is a part of the output of iptables-save, as `grep` cuts it out: {WHOLE}"
NFT_TEXT = "is the text of `nft list`, whose spelling changes with its version"
NFT_JSON = "is a list of nft with the rules of iptables, which iptables prints"


def refusal(folder: Path, text: str) -> str:
    """What is said of a file with this text, after its name."""
    file = folder / "mailed"
    file.write_text(text)
    with pytest.raises(SourceError) as refused:
        FileSource(str(file)).read()
    return str(refused.value).removeprefix(f"{file} ")


def quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines())


@pytest.mark.node
@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_what_iptables_prints_otherwise_is_named(backend: str, tmp_path: Path) -> None:
    program = f"iptables-{backend}"
    with Namespace() as namespace:
        load(namespace, render(example_node(Era.E)).restore(), backend)
        said = {
            option: refusal(tmp_path, namespace.run(program, *option.split()))
            for option in ("-L", "-nL", "-nvL", "-nvxL --line-numbers", "-L cali-FORWARD", "-S", "-vS", "-S FORWARD")
        }
        whole = save(namespace, backend)
        calicos = "".join(line for line in whole.splitlines(keepends=True) if "cali" in line)
        of_rules = "".join(line for line in calicos.splitlines(keepends=True) if not line.startswith(":"))
        uncounted = namespace.run(f"{program}-save", "-t", "filter")
        namespace.run(program, "-t", "nat", "-N", "cali-nat")
        nat = namespace.run(f"{program}-save", "-t", "nat", "-c")
    assert said == {
        "-L": LISTING,
        "-nL": LISTING,
        "-nvL": LISTING,
        "-nvxL --line-numbers": LISTING,
        "-L cali-FORWARD": LISTING,
        "-S": SPECIFIED,
        "-vS": SPECIFIED,
        "-S FORWARD": SPECIFIED,
    }
    assert [refusal(tmp_path, text) for text in (calicos, of_rules, quoted(of_rules))] == [FRAGMENT] * 3
    assert refusal(tmp_path, "".join(uncounted.partition("-A cali-")[1:])) == FRAGMENT
    assert refusal(tmp_path, nat) == f"holds table nat, but no table filter: {WHOLE}"


@pytest.mark.node
def test_what_nft_prints_otherwise_is_named(tmp_path: Path) -> None:
    of_iptables = {}
    with Namespace() as namespace:
        load(namespace, render(example_node(Era.E)).restore(), "nft")
        for command in ("nft list ruleset", "nft -a list ruleset", "nft -j list ruleset"):
            of_iptables[command] = refusal(tmp_path, namespace.run(*command.split()))
        for version in IPVersion:
            load_table(namespace, render_nftables(example_node(Era.E), version).restore())
        texts = [namespace.run(*f"nft {command}".split()) for command in ("list ruleset", "list table ip6 calico")]
        everything = namespace.run("nft", "-j", "list", "ruleset")
    assert of_iptables == {
        "nft list ruleset": f"{NFT_TEXT}, and has no table calico: {SAVE}",
        "nft -a list ruleset": f"{NFT_TEXT}, and has no table calico: {SAVE}",
        "nft -j list ruleset": f"{NFT_JSON}: {SAVE}",
    }
    assert [refusal(tmp_path, text) for text in (*texts, quoted(texts[0]))] == [
        f"{NFT_TEXT}: save `nft -j list table ip calico` instead",
        f"{NFT_TEXT}: save `nft -j list table ip6 calico` instead",
        f"{NFT_TEXT}: save `nft -j list table ip calico` instead",
    ]
    (tmp_path / "mailed").write_text(everything)
    dumps = FileSource(str(tmp_path / "mailed")).read()
    assert [dump.ip_version for dump in dumps] == [4, 6]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: save `iptables-save -c` as root"),
        ("\n \n", "is empty: save `iptables-save -c` as root"),
        (
            (
                "Fatal: can't open lock file /run/xtables.lock: Permission denied\n"
                "iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: "
                "Permission denied (you must be root)\n"
            ),
            "holds no rules but an error: run `iptables-save -c` as root",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: []\n",
            "looks like an export of the datastore: give it as --datastore-file, and `iptables-save -c` as --ruleset",
        ),
        (
            "/calico/resources/v3/projectcalico.org/tiers/default\n{}\n",
            "looks like an export of the datastore: give it as --datastore-file, and `iptables-save -c` as --ruleset",
        ),
        (
            "hello",
            (
                "holds neither a filter table nor a table calico: "
                "save it with `iptables-save -c` or `nft -j list table ip calico`"
            ),
        ),
        (
            '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}',
            (
                "is a list of nft without a table calico: save `nft -j list table ip calico` instead, "
                "or `iptables-save -c` where iptables is used"
            ),
        ),
        (
            "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
            (
                "has no chains of Calico's (cali-…): save it on a node where calico-node runs, and from where its "
                "Felix writes: `iptables-nft-save -c`, `iptables-legacy-save -c` and `nft -j list table ip calico` "
                "may stand in one file"
            ),
        ),
    ],
)
def test_other_texts_are_named_too(text: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, text) == said
