"""What is fuzzed: each target takes bytes, and raises only if a promise breaks."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from otel_calico.config import ConfigError, load
from otel_calico.datastores.datastore import DatastoreError
from otel_calico.datastores.decode import CLUSTER_INFORMATIONS, HOST_ENDPOINTS, PODS, WORKLOAD_ENDPOINTS, Decoder
from otel_calico.datastores.exports import ExportError, exported_objects
from otel_calico.datastores.kubernetes.kubeconfig import KubeconfigError, access_from_text
from otel_calico.datastores.kubernetes.list_stream import ItemStream
from otel_calico.datastores.resources import InvalidResourceError
from otel_calico.ruleset.dump import DumpError
from otel_calico.ruleset.nft_json import calico_tables
from otel_calico.ruleset.parse import parse
from otel_calico.ruleset.ruleset import Ruleset
from otel_calico.ruleset.text_chain import TextChain
from otel_calico.saved.choice import choose
from otel_calico.saved.decoding import UnreadableError, decoded
from otel_calico.saved.exports import export_in
from otel_calico.saved.other_output import described
from otel_calico.saved.prefixes import without_prefixes
from otel_calico.saved.tables import tables_in
from otel_calico.sources.netlink.chain_messages import NewChains
from otel_calico.sources.netlink.messages import MalformedMessageError
from otel_calico.web.config_file import WebConfigError
from otel_calico.web.config_file import read as read_web_config
from tests.damage.test_damage import (
    test_every_scan_of_a_damaged_history_is_good_or_fails_with_its_name as random_history,
)

Target = Callable[[bytes], None]

KINDS = (WORKLOAD_ENDPOINTS, PODS, HOST_ENDPOINTS, CLUSTER_INFORMATIONS)
_COUNTERS = re.compile(r"^\[(\d{1,15}):(\d{1,15})\]", re.MULTILINE)


def ruleset(data: bytes) -> None:
    """A dump of either form. Read after another scan it means what it means when read alone."""
    text = data.decode("utf-8", "replace")
    try:
        first = parse(text)
    except DumpError:
        return
    moved = _COUNTERS.sub(lambda found: f"[{int(found[1]) + 7}:{int(found[2]) + 420}]", text)
    for later in (text, moved, text.replace("-j DROP", "-j RETURN")):
        assert _said(parse(later, first)) == _said(parse(later)), "reading on differs from reading anew"  # noqa: S101 - what the fuzzer is to find


def nft_export(data: bytes) -> None:
    """JSON of nft in any layout; each table found can be parsed."""
    try:
        tables = calico_tables(data.decode("utf-8", "replace"))
        for text in tables.values():
            parse(text)
    except DumpError:
        pass


def mailed(data: bytes) -> None:
    """A saved ruleset as somebody mails it: its tables are found and can be parsed, or it is said what it is."""
    try:
        text = without_prefixes(decoded(data, len(data) << 4))
        for table in choose(tables_in(text), frozenset(), ()).tables:
            parse(table.text)
        described(text)
    except (DumpError, UnreadableError):
        pass


def netlink(data: bytes) -> None:
    """The kernel's messages of a chain of nftables. Read after another scan they say what they say when read alone."""
    try:
        first = NewChains().read("cali-a", data)
    except MalformedMessageError:
        return
    assert first.takes(data, len(data)), "reading on differs from reading anew"  # noqa: S101 - what the fuzzer is to find


def resource(data: bytes) -> None:
    """A stored resource; the first byte says of which kind."""
    kind = KINDS[data[0] % len(KINDS)] if data else KINDS[0]
    with suppress(InvalidResourceError):
        Decoder("node-1").decode(kind, "default/name", data[1:])


def export(data: bytes) -> None:
    """A file that a user mails in, and each object in it."""
    try:
        objects = exported_objects(export_in(data.decode("utf-8", "replace")))
    except ExportError:
        return
    for one in objects:
        with suppress(InvalidResourceError):
            Decoder(None).decode(one.kind, f"{one.namespace}/{one.name}", one.raw)


def api_list(data: bytes) -> None:
    """A list of the API server, whole and in pieces: the same items."""
    pieces = [data[start : start + 97] for start in range(0, len(data), 97)]
    assert _items([data]) == _items(pieces), "pieces differ from the whole"  # noqa: S101 - what the fuzzer is to find


def kubeconfig(data: bytes) -> None:
    """The text of a kubeconfig."""
    with suppress(KubeconfigError):
        access_from_text(data.decode("utf-8", "replace"))


def settings(data: bytes) -> None:
    """Our own configuration file."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        Path(file.name).write_bytes(data)
        with suppress(ConfigError):
            load({"NODENAME": "node-1"}, file=Path(file.name))


def web_config(data: bytes) -> None:
    """The file of TLS and users."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        Path(file.name).write_bytes(data)
        with suppress(WebConfigError):
            read_web_config(Path(file.name))


def scans(data: bytes) -> None:
    """A history of a node whose rulesets are damaged, from their text to the page: the bytes choose what happens."""
    random_history.hypothesis.fuzz_one_input(data)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        ruleset,
        nft_export,
        mailed,
        netlink,
        resource,
        export,
        api_list,
        kubeconfig,
        settings,
        web_config,
        scans,
    )
}


def _said(table: Ruleset) -> object:
    """All that can be seen of a ruleset."""
    return {name: _chain(table, name) for name in table.chains}, table.rules, table.skipped, table.malformed


def _chain(table: Ruleset, name: str) -> object:
    chain = table.chains[name]
    assert isinstance(chain, TextChain)  # noqa: S101 - a saved ruleset has no other
    everything = range(len(chain.layout)) if chain.layout.rules else ()
    counters = chain.counters(everything)
    return chain.text, counters, chain.layout.rules, chain.layout.hashes


def _items(chunks: list[bytes]) -> object:
    stream = ItemStream(chunks)
    try:
        return list(stream), stream.metadata
    except DatastoreError:
        return None
