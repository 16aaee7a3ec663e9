"""One recording: a node under one Felix, before and after known packets were sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from otel_calico.calico.model import IPVersion
from tests.recordings.archive import FELIX, Archived, names, texts

_DENIED = re.compile(r"\|(\w+)\|policy (\S+) \(table \w+\)")
"""A drop that is the deny of a policy in another table than `filter`."""

NATIVE = "native"
"""The dataplane whose dumps are lists of `nft -j`. The others, `legacy` and `nft`, print `iptables-save -c`."""


class Moment(StrEnum):
    """When a recording's tables were saved."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Truth:
    """The packets that were sent between the two moments, as numbers of packets. How keys are spelled: README.md."""

    policies: Mapping[str, int]
    workloads: Mapping[str, int]
    dropped: Mapping[str, int]
    note: str = ""


class Recording(Archived):
    """A recording by its name `RELEASE-DATAPLANE-FLAVOUR`."""

    @property
    def flavour(self) -> str:
        """What Felix was set to: `plain`, `reject`, `logdrop`, `flowlogs` or `marks`."""
        return self.name.split("-")[2]

    def dump(self, moment: Moment, ip_version: IPVersion) -> str:
        """All tables of an IP version as `iptables-save -c` or `nft -j list table ip calico` printed them."""
        suffix = "json" if self.dataplane == NATIVE else "txt"
        return self._files[f"{moment}.v{ip_version.value}.{suffix}"]

    def dumps(self, moment: Moment) -> str:
        """The dumps of both IP versions one after the other, as a user would mail them in one file."""
        return "".join(self.dump(moment, version) for version in IPVersion)

    @property
    def resources(self) -> str:
        """YAML of the endpoints, policies, tiers and the host endpoint, as `calicoctl` exports them."""
        return self._files["resources.yaml"]

    @property
    def truth(self) -> Truth:
        """What was sent from one moment to the other."""
        read: dict[str, Any] = json.loads(self._files["truth.json"])
        denied = {key: found for key in read["dropped"] if (found := _DENIED.search(key))}
        denies = {f"{found[2]}|{found[1]}|deny": read["dropped"][key] for key, found in denied.items()}
        dropped = {key: packets for key, packets in read["dropped"].items() if key not in denied}
        return Truth({**read["policies"], **denies}, read["workloads"], dropped, read.get("note", ""))

    @property
    def _files(self) -> Mapping[str, str]:
        return texts(FELIX, self.name)


RECORDINGS = tuple(map(Recording, names(FELIX)))
"""All recordings, oldest release first. Each is unpacked when it is first read."""
