"""A real etcd with Calico's keys and, if a test wants it, with users."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self

from otel_calico.datastores.settings import EtcdSettings
from tests.node.etcd import Etcd, after, encoded

PREFIX = "/calico/resources/v3/projectcalico.org/"
PASSWORD = "s3cret-of-the-test"


class CalicoEtcd(Etcd):
    """Keys are below Calico's prefix, values are resources; text is stored as it is."""

    @property
    def settings(self) -> EtcdSettings:
        """What reaches it without a user."""
        return EtcdSettings(endpoints=(self.endpoint,), ca_cert_file=self.tls.authority if self.tls else "")

    def put(self, key: str, value: object) -> int:
        """Store a resource."""
        return super().put(PREFIX + key, _text(value))

    def put_all(self, values: Mapping[str, object]) -> int:
        """Store many resources."""
        return super().put_all({PREFIX + key: _text(value) for key, value in values.items()})

    def delete(self, key: str) -> int:
        """Delete a resource."""
        return super().delete(PREFIX + key)

    def require_password(self, *readable_kinds: str) -> Self:
        """Turn authentication on: user `reader` with PASSWORD may read these kinds, or the whole prefix if none."""
        for name in ("root", "reader"):
            self._call("auth/user/add", name=name, password=PASSWORD)
            self._call("auth/role/add", name=name)
            self._call("auth/user/grant", user=name, role=name)
        for prefix in [f"{PREFIX}{kind}/" for kind in readable_kinds] or [PREFIX]:
            self._grant(prefix)
        self._call("auth/enable")
        self._token = self._call("auth/authenticate", name="root", password=PASSWORD)["token"]
        return self

    def grant(self, kind: str) -> None:
        """Let `reader` read one more kind."""
        self._grant(f"{PREFIX}{kind}/")

    def _grant(self, prefix: str) -> None:
        permission = {"permType": "READ", "key": encoded(prefix), "range_end": encoded(after(prefix))}
        self._call("auth/role/grant", name="reader", perm=permission)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
