"""The rules of a real Felix name all its policies from v3.22 on; before, the datastore is needed."""

from __future__ import annotations

from pathlib import Path

import yaml

from otel_calico.calico.model import PolicyKind
from tests.recordings.recording import Moment, Recording
from tests.recordings.replay import Replay
from tests.recordings.test_commands import every_recording

UP_TO_V3_21 = {PolicyKind.NETWORK_POLICY, PolicyKind.GLOBAL_NETWORK_POLICY, PolicyKind.KUBERNETES_NETWORK_POLICY}


@every_recording
def test_policies_of_the_datastore_are_needed_up_to_v3_21_only(recording: Recording, tmp_path: Path) -> None:
    objects = [one for one in yaml.safe_load_all(recording.resources) if not one["kind"].endswith("NetworkPolicy")]
    replay = Replay(tmp_path, yaml.safe_dump_all(objects))
    replay.show(recording.dumps(Moment.AFTER))
    report = replay.scan().report
    old = recording.version <= (3, 21)
    assert report.kinds_needed == (UP_TO_V3_21 if old else set())
    assert bool(report.chains_without_name) == old
