"""Settings of the HTTP server: its protection, and whether it serves pages for people."""

from __future__ import annotations

from dataclasses import dataclass

from otel_calico.config import kinds
from otel_calico.config.option import setting


@dataclass(frozen=True, slots=True)
class WebSettings:
    """TLS, authentication and the page at `/`."""

    config_file: str = setting(
        kinds.existing_file,
        "",
        "TLS, client certificates and users of the HTTP server, in the form of the Prometheus exporters' "
        "web.config.file (docs/web.md). Read again when it changes.",
        flag="--web-config-file",
    )
    page: bool = setting(kinds.boolean, default=True, doc="Show this node to people at /.")
