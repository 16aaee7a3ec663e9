"""A real Alertmanager that takes alerts and sends them nowhere."""

from __future__ import annotations

import json
from typing import Any, Self

from tests.node.programs import Program, find_program, free_port
from tests.node.web import answers, fetch

_CONFIGURATION = "{route: {receiver: nobody}, receivers: [{name: nobody}]}"


class Alertmanager(Program):
    """Listens on a free port of 127.0.0.1, without a cluster of its own."""

    def __init__(self) -> None:
        super().__init__("alertmanager")
        self.address = f"127.0.0.1:{free_port()}"
        self._file = self.directory / "alertmanager.yml"
        self._file.write_text(_CONFIGURATION)

    def start(self) -> Self:
        """Start and wait until it is ready."""
        options = [f"--config.file={self._file}", f"--storage.path={self.directory / 'data'}", "--log.level=warn"]
        options += [f"--web.listen-address={self.address}", "--cluster.listen-address="]
        self.launch([find_program("prometheus-alertmanager"), *options])
        self.wait(lambda: answers(f"http://{self.address}/-/ready"), "ready")
        return self

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Active alerts by name; of several with one name, the last."""
        active = json.loads(fetch(f"http://{self.address}/api/v2/alerts?active=true").body)
        return {alert["labels"]["alertname"]: alert for alert in active}
