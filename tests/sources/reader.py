"""Reads rulesets in a process of its own, so that it can live in another network namespace: one JSON line per order.

    python -m tests.sources.reader [legacy|nft] [LOCK_WAIT]

Orders on standard input: `read`, or `wait SECONDS` to let the source's clock run ahead.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import structlog

from otel_calico.sources.backends import Backend
from otel_calico.sources.iptables import IptablesSettings, IptablesSource
from otel_calico.sources.lock import XtablesLock
from otel_calico.sources.source import SourceError


def main(backend: str = "", wait: str = "2.0") -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ahead = 0.0
    settings = IptablesSettings(Backend(backend) if backend else None, XtablesLock(wait=float(wait)))
    source = IptablesSource(settings, clock=lambda: time.monotonic() + ahead)
    for line in sys.stdin:
        order, _, seconds = line.strip().partition(" ")
        if order == "wait":
            ahead += float(seconds)
            continue
        sys.stdout.write(json.dumps(_answer(source)) + "\n")
        sys.stdout.flush()


def _answer(source: IptablesSource) -> dict[str, Any]:
    try:
        dumps = source.read()
    except SourceError as error:
        return {"error": error.kind, "message": str(error)}
    texts = {str(dump.ip_version.value): dump.text for dump in dumps}
    return {"backend": source.backend, "unlocked": source.unlocked, "texts": texts}


if __name__ == "__main__":
    main(*sys.argv[1:])
