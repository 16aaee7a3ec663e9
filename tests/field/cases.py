"""The files in `files/`, and what their user asks of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True, slots=True)
class Case:
    """One saved ruleset, named in `files/`. `targets` are explained; `env` are variables of the environment."""

    ruleset: str
    targets: Sequence[str] = ("calia1",)
    resources: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    @property
    def name(self) -> str:
        """What its transcript is called."""
        return self.title or self.ruleset.partition(".")[0]

    @property
    def flags(self) -> Sequence[str]:
        """Its files, as flags of commands that run in `files/`."""
        return ("--ruleset", self.ruleset, *(("--datastore-file", self.resources) if self.resources else ()))

    @property
    def environment(self) -> Mapping[str, str]:
        """Its files as settings, for commands that have no such flags."""
        resources = {"OTEL_CALICO_DATASTORE_FILE": self.resources} if self.resources else {}
        return {"NODENAME": "node1", "OTEL_CALICO_IPTABLES_RULESET_FILE": self.ruleset, **resources, **self.env}


CASES = (
    Case("annotation-as-name.json", ("calia1", "evil/default.x")),
    Case("bom-ipv6.rules"),
    Case("bom.json"),
    Case("doubled-lines.rules"),
    Case("empty-group-chain.rules", ("calia4fc3c48bd8",)),
    Case("grep-fragment.rules"),
    Case("drop-unknown-comment.rules"),
    Case("gzip.rules.gz"),
    Case("other-prefix.rules", ("shop/web",), "other-prefix.yaml", {"FELIX_INTERFACEPREFIX": "eni"}),
    Case("other-prefix.rules", ("shop/web",), "other-prefix.yaml", title="other-prefix-not-set"),
    Case("profile-denies.rules"),
    Case("rule-without-expr.json"),
    Case("stale-tier-comment.json.gz", ("cali6720a858fdf", "calia6ea2c7795d", "sec.p19", "red/default.p13")),
    Case("text-after-commit.rules"),
    Case("two-backends.rules", ("shop/web-0", "shop/knp.default.late"), "two-backends.yaml"),
    Case("two-legacy-first.rules"),
    Case("two-stale.rules"),
    Case("unreadable-end-of-tier.rules"),
    Case("unknown-interface.rules", ("shop/old", "shop/new"), "unknown-interface.yaml"),
    Case("utf16.rules"),
    Case("warning-before.json"),
)
