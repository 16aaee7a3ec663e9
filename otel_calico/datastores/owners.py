"""The owner of a pod, derived from names: the Deployment or CronJob above the direct owner.

Sources: `kubernetes/pkg/controller/deployment/sync.go` (ReplicaSets are named NAME-HASH after their label
`pod-template-hash`), `kubernetes/pkg/controller/cronjob/utils.go` (Jobs are named NAME-MINUTES after the time they
were due, in minutes since 1970; NAME-SECONDS up to v1.20).
"""

from __future__ import annotations

import re

from otel_calico.datastores.resources import Metadata

_HASH_LABEL = "pod-template-hash"
_DUE = re.compile(r"-\d{8,10}$")


def owner_of(metadata: Metadata) -> str:
    """`KIND/NAME` of a pod's owner; empty without one."""
    owner = next((one for one in metadata.owner_references or () if one.controller), None)
    if owner is None:
        return ""
    template = (metadata.labels or {}).get(_HASH_LABEL)
    if owner.kind == "ReplicaSet" and template and owner.name.endswith(f"-{template}"):
        return f"Deployment/{owner.name.removesuffix(f'-{template}')}"
    if owner.kind == "Job" and _DUE.search(owner.name):
        return f"CronJob/{_DUE.sub('', owner.name)}"
    return f"{owner.kind}/{owner.name}"
