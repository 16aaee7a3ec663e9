"""Names in the datastore and texts in rules are anybody's who may create a pod: none of them reaches a command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.cluster import WEB
from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.resources import endpoint
from tests.felix import Era
from tests.node.programs import PATH, find_program

pytestmark = pytest.mark.node

HOSTILE = "$(touch pwned)`touch pwned`;touch pwned|'\"\\\n../../../tmp/pwned --modprobe=/bin/sh \x7fé"
RECORDED = '#!/bin/sh\nprintf "%s\\n" "$0 $*" >>{log}\nexec {real} "$@"\n'


def test_no_text_of_others_is_in_a_command_or_makes_a_file(tmp_path: Path) -> None:
    log, place = tmp_path / "commands", tmp_path / "place"
    place.mkdir()
    for name in ("iptables-nft-save", "ip6tables-nft-save"):
        script = tmp_path / name
        script.write_text(RECORDED.format(log=log, real=find_program(name)))
        script.chmod(0o755)
    with LiveNode.of_era(Era.E, "nft") as node:
        hostile = replace(WEB, pod=HOSTILE, app=HOSTILE)
        key, value = endpoint(hostile)
        node.etcd.delete(endpoint(WEB)[0])
        node.etcd.put(key.replace("\n", ""), value)
        chain = f"cali-tw-{WEB.interface}"
        node.namespace.run("iptables-nft", "-A", chain, "-m", "comment", "--comment", HOSTILE.replace("\n", "")[:200])
        service = node.service({"PATH": f"{tmp_path}:{PATH}", "HOME": str(place)}).start()
        page = service.scrape()
        assert HOSTILE in {dict(labels)["pod"] for labels in page["policy_accept_counter"]}
        assert service.get("/").status == 200
        service.stop()
        assert all(json.loads(line) for line in service.log.splitlines())
    assert {line.partition(" ")[2] for line in log.read_text().splitlines()} == {"-t filter -c"}
    assert not list(Path().glob("pwned*"))
    assert list(place.iterdir()) == []
