"""The HTTP handlers of the pages for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from otel_calico.calico.lookups import Lookups
from otel_calico.datastores.status import DatastoreStatus
from otel_calico.node_page.history import History
from otel_calico.node_page.shown import Shown
from otel_calico.readiness import readiness
from otel_calico.scanning.collector import Collector
from otel_calico.web.message import Request, Response, Route

if TYPE_CHECKING:
    from otel_calico.node_page.templates import Templates


class NodePages:
    """The pages of one node, each of which takes a scan.

    `datastore` tells the state of the datastore, `lookups` who is who in the rules.
    """

    def __init__(
        self,
        node_name: str,
        collector: Collector,
        datastore: Callable[[], DatastoreStatus],
        lookups: Lookups,
    ) -> None:
        self._node_name = node_name
        self._collector = collector
        self._datastore = datastore
        self._lookups = lookups
        self._history = History()
        collector.subscribe(self._history.forget)

    @property
    def routes(self) -> Mapping[str, Route]:
        """What answers, by path."""
        return {"/": self._overview, "/workload": self._workload, "/policy": self._policy}

    def _overview(self, request: Request) -> Response:
        shown, status = self._shown(), self._datastore()
        return self._templates.overview(request, shown, status, readiness(status, shown.latest.snapshot))

    def _workload(self, request: Request) -> Response:
        return self._templates.workload(request, self._shown())

    def _policy(self, request: Request) -> Response:
        return self._templates.policy(request, self._shown())

    def _shown(self) -> Shown:
        before, latest = self._collector.latest, self._collector.scan()
        return Shown(self._history.former(before, latest), latest, self._lookups)

    @cached_property
    def _templates(self) -> Templates:
        # The templates' engine is loaded when somebody looks for the first time.
        from otel_calico.node_page.templates import Templates  # noqa: PLC0415 - jinja2

        return Templates(self._node_name)
