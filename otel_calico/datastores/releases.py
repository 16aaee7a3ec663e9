"""Calico releases as in `ClusterInformation`, and the names under which they store policies.

Sources: `libcalico-go/lib/clientv3/{networkpolicy,globalnetworkpolicy}.go` of v3.28 and v3.29,
`libcalico-go/lib/backend/etcdv3/etcdv3.go` of v3.31, `libcalico-go/lib/names/policy.go`.
"""

from __future__ import annotations

import re

Release = tuple[int, int]
"""Major and minor version."""

TIERS = (3, 29)
VISIBLE_NAMES_STORED = (3, 32)

_KEPT_BEFORE_TIERS = ("knp.", "ossg.")
_KEPT = ("knp.default.", "kanp.adminnetworkpolicy.", "kbanp.baselineadminnetworkpolicy.", "ossg.")
_DEFAULT = "default."


def parse_release(calico_version: str) -> Release | None:
    """`(3, 29)` of `v3.29.1`; None for `master` and other texts."""
    found = re.match(r"v?(\d+)\.(\d+)", calico_version)
    return (int(found[1]), int(found[2])) if found else None


def stored_name(visible: str, release: Release) -> str:
    """The name under which a release stores the Calico policy with the name `visible`."""
    if release >= VISIBLE_NAMES_STORED:
        return visible
    kept = "." in visible if release >= TIERS else visible.startswith(_KEPT_BEFORE_TIERS)
    return visible if kept else _DEFAULT + visible


def stored_name_candidates(visible: str, release: Release | None) -> tuple[str, ...]:
    """Every name that an exported Calico policy may have in the datastore, the most likely one last.

    Exports of `calicoctl` contain visible names, raw objects stored names; while v3.32 migrates policies both occur.
    So the name itself and its `default.` form are candidates on every release.
    """
    most_likely = visible if release is None else stored_name(visible, release)
    if visible.startswith(_KEPT):
        return (visible,)
    others = [name for name in (_DEFAULT + visible, visible) if name != most_likely]
    return (*others, most_likely)
