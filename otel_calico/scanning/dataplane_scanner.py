"""Scans a live node by whichever dataplane its Felix runs, also when that changes meanwhile."""

from __future__ import annotations

import structlog

from otel_calico.scanning.ebpf_scanner import EbpfScanner
from otel_calico.scanning.node_scanner import NodeScanner
from otel_calico.scanning.scan import Scan

log = structlog.get_logger(__name__)


class DataplaneScanner:
    """Reads maps while they are pinned, else rulesets. Used by one thread at a time.

    What a dataplane counted before it was switched on anew is history: its accounts start as when the service starts.
    """

    def __init__(self, rulesets: NodeScanner, ebpf: EbpfScanner) -> None:
        self._rulesets = rulesets
        self._ebpf = ebpf
        self._in_use: NodeScanner | EbpfScanner | None = None

    @property
    def lookups_version(self) -> int:
        """The version of the lookups that the next scan would use."""
        return self._rulesets.lookups_version

    def close(self) -> None:
        """End a scan that is under way. From any thread."""
        self._rulesets.close()

    def scan(self) -> Scan:
        """A new scan. Never raises."""
        scanner = self._ebpf if self._ebpf.is_on() else self._rulesets
        if self._in_use not in {None, scanner}:
            log.warning("dataplane_changed", to="ebpf" if scanner is self._ebpf else "rulesets")
            scanner.restart()
        self._in_use = scanner
        return scanner.scan()
