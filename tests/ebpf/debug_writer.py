"""Writes debug files as Felix does: instructions with comments on them, and no code where no packet comes.

Source: `felix/bpf/polprog/pol_prog_builder.go`, and the recordings, which a test holds it against.
"""

from __future__ import annotations

import json
from typing import Any

from otel_calico.calico.model import Verdict
from otel_calico.ebpf.match_ids import NO_PROFILE, IdForm

_WORDS = {Verdict.ALLOW: "allow", Verdict.DENY: "deny", Verdict.PASS: "next-tier", None: "log"}


class DebugWriter:
    """One program of a workload's interface."""

    def __init__(self, form: IdForm, interface: str) -> None:
        self._form = form
        self._interface = interface
        self._instructions: list[dict[str, Any]] = []
        self._comments: list[str] = []
        self._labels: list[str] = []
        self._targets = {"allowed_by_host_policy"}
        self._reachable = True
        self._rules = 0
        self._tiers = 0
        self._policies = 0
        self._end = ""
        self._label("allowed_by_host_policy")

    def start_tier(self, name: str) -> None:
        self._comments.append(f"Start of tier {name}")

    def end_tier(self, name: str, verdict: Verdict, match_id: int) -> None:
        told = "" if self._form is IdForm.WORDS else f": {verdict.value}"
        self._comments.append(f"End of tier {name}{told}")
        end = f"end_of_tier_{self._tiers}"
        self._hit(match_id, "deny" if verdict is Verdict.DENY else end)
        self._label(f"rule_{self._rules}_no_match")
        self._rules += 1
        self._label(end)
        self._tiers += 1

    def start_policy(self, kind: str, name: str) -> None:
        word = f"{kind} {name} {self._policies}" if self._form is IdForm.KINDS else f"policy {name}"
        self._comments.append(f"Start of {word}")
        self._end = f"End of {word}"
        self._policies += 1

    def end_policy(self) -> None:
        self._comments.append(self._end)

    def rule(self, owner: str, verdict: Verdict | None, port: int | None, match_id: int) -> None:
        """A rule that matches a port, or everything."""
        name = f"{owner} " if self._form is IdForm.KINDS else ""
        ports = f" dst_ports:{{first:{port}  last:{port}}}" if port is not None else ""
        self._comments.append(f'Start of rule {name}action:"{_WORDS[verdict]}"{ports} rule_id:"x{self._rules}"')
        self._comments.append(f"Rule MatchID: {match_id}")
        no_match = f"rule_{self._rules}_no_match"
        if verdict is not None:
            if port is not None:
                self._jump(no_match, conditional=True)
            end = f"end_of_tier_{self._tiers}"
            self._hit(match_id, {Verdict.ALLOW: "allow", Verdict.DENY: "deny", Verdict.PASS: end}[verdict])
        self._label(no_match)
        self._rules += 1
        self._comments.append(f"End of rule {name}x")

    def text(self) -> bytes:
        """The file."""
        self._hit(NO_PROFILE, "deny")
        for label in ("deny", "exit", "allow"):
            self._label(label)
            self._emit([0xB4, 1, 0, 0, 2, 0, 0, 0])
            self._reachable = False
        whole = {"ifacename": self._interface, "hook": "", "policyInfo": self._instructions, "error": ""}
        return json.dumps(whole).encode()

    def _hit(self, match_id: int, target: str) -> None:
        octets = list(match_id.to_bytes(8, "little"))
        self._emit([0x71, 0x91, 0, 0, 0, 0, 0, 0])
        self._emit([0x18, 2, 0, 0, *octets[:4]])
        self._emit([0, 0, 0, 0, *octets[4:]])
        self._jump(target, conditional=False)

    def _jump(self, target: str, *, conditional: bool) -> None:
        if self._reachable:
            self._targets.add(target)
        self._emit([0x55 if conditional else 0x05, 0, 0, 0, 0, 0, 0, 0], f"goto {target}")
        self._reachable &= conditional

    def _label(self, name: str) -> None:
        if name in self._targets:
            self._reachable = True
            self._labels.append(name)

    def _emit(self, octets: list[int], annotation: str = "") -> None:
        if not self._reachable:
            return
        extra = {"comments": self._comments, "labels": self._labels, "annotation": annotation}
        self._instructions.append({"inst": octets, **{key: value for key, value in extra.items() if value}})
        self._comments, self._labels = [], []
