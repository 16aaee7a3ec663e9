"""The service as users start it shows the kept policy series of recordings, one of each dataplane."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.node.service import Service
from tests.recordings import RECORDINGS, Moment, Recording
from tests.recordings.kept_pages import kept, masked
from tests.recordings.saved import ENVIRONMENT

pytestmark = pytest.mark.slow

ONE_OF_EACH = [one for one in RECORDINGS if one.flavour == "plain" and one.release == "v3.32.1"]
ABOUT_ITSELF = ("otel_calico_", "process_", "target_info")


def policy_part(page: str) -> str:
    """A page without what the service says of itself."""
    lines = page.splitlines(keepends=True)
    return "".join(line for line in lines if not re.sub("^# [A-Z]+ ", "", line).startswith(ABOUT_ITSELF))


@pytest.mark.parametrize("recording", ONE_OF_EACH, ids=str)
def test_the_served_page_shows_the_kept_series(recording: Recording, tmp_path: Path) -> None:
    rules, resources = tmp_path / "rules", tmp_path / "resources.yaml"
    rules.write_text(recording.dumps(Moment.BEFORE))
    resources.write_text(recording.resources)
    env = {name: ENVIRONMENT[name] for name in ("NODENAME", "OTEL_CALICO_METRICS_FAMILIES")}
    env["OTEL_CALICO_METRICS_FRESHNESS"] = "0"
    with Service(env, "--ruleset", str(rules), "--datastore-file", str(resources)) as service:
        service.start()
        rules.write_text(recording.dumps(Moment.AFTER))
        assert policy_part(masked(service.get("/metrics").text)) == policy_part(kept(recording))
