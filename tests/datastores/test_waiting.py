"""Who waits for a datastore goes on when it is in sync, told to stop or out of patience, and learns what is missing."""

from __future__ import annotations

import threading

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.datastore import NoDatastore
from otel_calico.datastores.etcd.etcd_access import EtcdAccess
from otel_calico.datastores.status import DatastoreStatus, KindStatus
from otel_calico.datastores.waiting import wait_in_sync
from tests.node.etcd import Etcd

from .conftest import Follow

FOREVER = 60.0


@pytest.mark.slow
def test_waiting_ends_as_soon_as_everything_is_listed(etcd: Etcd, follow: Follow, lookups: Lookups) -> None:
    status = wait_in_sync(follow(etcd.access, lookups), FOREVER)
    assert status.in_sync
    assert status.waiting_for == {}
    assert wait_in_sync(NoDatastore(), FOREVER).in_sync


def test_who_is_told_to_stop_waits_no_longer(follow: Follow, lookups: Lookups) -> None:
    stop = threading.Event()
    stop.set()
    nowhere = follow(EtcdAccess(("http://127.0.0.1:1",)), lookups)
    assert not wait_in_sync(nowhere, FOREVER, stop).in_sync


def test_what_is_missing_is_told_once_for_all_kinds_that_fail_alike() -> None:
    refused = KindStatus(last_error="permission denied")
    status = DatastoreStatus({"a": refused, "b": refused, "c": KindStatus(), "d": KindStatus(in_sync=True)})
    assert status.waiting_for == {"permission denied": ["a", "b"], "no answer yet": ["c"]}
