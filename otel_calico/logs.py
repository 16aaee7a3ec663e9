"""Configures the log: events with fields, on standard error, as text or JSON lines.

Elsewhere: `log = structlog.get_logger(__name__)`, then `log.warning("datastore_disconnected", endpoint=…)`. What
libraries send to `logging` comes out through the same renderer, from warnings on. Tracebacks never show the values
of variables: those hold passwords.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

OUR_LOGGER = "otel_calico"

_FIELDS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(
    level: Literal["debug", "info", "warning", "error", "critical"] = "info",
    format: Literal["auto", "console", "json"] = "auto",  # noqa: A002 - the name of the setting
) -> None:
    """Send the log to standard error from `level` on. `auto` is console on a terminal, else JSON lines."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(format))
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.getLogger(OUR_LOGGER).setLevel(threshold)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_FIELDS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _formatter(format: str) -> logging.Formatter:  # noqa: A002 - the name of the setting
    terminal = sys.stderr.isatty()
    console = format == "console" or (format == "auto" and terminal)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *_FIELDS],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_for_people(colors=terminal) if console else _as_json()),
        ],
    )


def _for_people(*, colors: bool) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback),
    ]


def _as_json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("event"),
        structlog.processors.JSONRenderer(),
    ]
