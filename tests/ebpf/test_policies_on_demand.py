"""Felix's debug files name all policies; without them the datastore's are needed, of every kind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otel_calico.calico.lookups import Lookups
from otel_calico.calico.model import PolicyKind
from otel_calico.scanning.ebpf_scanner import EbpfScanner
from otel_calico.scanning.node_scanner import ScanSettings
from otel_calico.sources.ebpf_state_directory import EbpfStateDirectory
from tests.recordings.ebpf_states import RecordedState, states


@pytest.mark.parametrize("state", states(), ids=str)
def test_policies_are_needed_where_the_debug_files_cannot_be_read(state: RecordedState, tmp_path: Path) -> None:
    needed = {}
    for files in (True, False):
        copy = tmp_path / str(files)
        shutil.copytree(
            state.path, copy, ignore=None if files else shutil.ignore_patterns("policy", "run-calico-bpf-policy", "bpf")
        )
        snapshot = EbpfScanner(EbpfStateDirectory(str(copy)), Lookups(), ScanSettings()).scan().snapshot
        assert snapshot.failure is None
        needed[files] = snapshot.report.kinds_needed
    assert needed == {True: set(), False: set(PolicyKind)}
