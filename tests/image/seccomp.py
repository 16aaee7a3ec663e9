"""The system calls that a runtime leaves to a container, in the words of OCI's runtime specification.

The profile is that of containers/common, akin to Docker's and containerd's; its fields: `pkg/seccomp/types.go`.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

PROFILE = Path("/usr/share/containers/seccomp.json")  # comes with buildah
_ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}


def seccomp(capabilities: Set[str]) -> dict[str, Any]:
    """`linux.seccomp` of a container that has these capabilities (`CAP_…`)."""
    profile = json.loads(PROFILE.read_text())
    name, architecture = _ARCHITECTURES[platform.machine()]
    (native,) = (one for one in profile["archMap"] if one["architecture"] == architecture)
    has = {"arches": {name}, "caps": capabilities}
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [architecture, *native["subArchitectures"]],
        "syscalls": [
            {field: rule[field] for field in ("names", "action", "args", "errnoRet") if rule.get(field) is not None}
            for rule in _with_bpf(profile["syscalls"])
            if _applies(rule, has)
        ],
    }


def _with_bpf(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Docker 23 and containerd 1.7 allow `bpf` to CAP_BPF (moby/moby#43987); the profile of Debian 12 is older."""
    if any("CAP_BPF" in (rule.get("includes") or {}).get("caps", ()) for rule in rules):
        return rules
    others = [{**rule, "names": [name for name in rule["names"] if name != "bpf"]} for rule in rules]
    return [*others, {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}]


def _applies(rule: Mapping[str, Any], has: Mapping[str, Set[str]]) -> bool:
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    included = all(has[kind] & set(names) for kind, names in includes.items())
    return included and not any(has[kind] & set(names) for kind, names in excludes.items())
