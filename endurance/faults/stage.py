"""One node for all faults, set up anew for each: its cluster in etcd, its rules in the kernel, its counters at zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Self, TypeVar

from tests.end_to_end.live_node import LiveNode
from tests.end_to_end.traffic import POLICY_METRICS, Traffic, expected
from tests.felix import Era
from tests.node.programs import Program, wait_until
from tests.node.service import Metrics, Service

ERA = Era.A1  # its policies get their names from the datastore alone: what is forgotten is seen
SENT = Traffic({8080: 7, 9090: 3, 5353: 2, 7070: 5, 6666: 4}, {8080: 6, 53: 9})
NONE = SENT.times(0)
OTLP_METRIC = "policy_accept_counter"

_Part = TypeVar("_Part", bound=Program)


class Stage:
    """A node of the nft backend with etcd and two pods; `part` brackets one fault."""

    def __init__(self) -> None:
        self.node = LiveNode.of_era(ERA, "nft")
        self._parts = ExitStack()

    @contextmanager
    def part(self) -> Iterator[None]:
        """Set all up anew, and end what the fault started."""
        self.node.install(ERA)
        with ExitStack() as parts:
            self._parts = parts
            yield

    def keep(self, part: _Part) -> _Part:
        """End a program with the fault."""
        self._parts.enter_context(part)
        return part

    def service(self, env: Mapping[str, str] | None = None, *, through: Sequence[str] = ()) -> Service:
        """The service inside the node, not yet started."""
        whole = {**self.node.environment, **(env or {})}
        return self.keep(Service(whole, namespace=self.node.namespace, through=through))

    def counted(self, env: Mapping[str, str] | None = None, *, through: Sequence[str] = ()) -> Service:
        """A service that is ready and has counted `SENT`. Raises TimeoutError if its numbers are wrong already."""
        service = self.service(env, through=through).start()
        SENT.send(self.node, 4)
        wait_until(lambda: policy_series(service) == counted(), "right numbers before the fault", 3)
        return service

    def close(self) -> None:
        """End all parts."""
        self.node.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def counted(times: int = 1) -> Metrics:
    """All policy series after `SENT` was sent so many times since the start of the service."""
    traffic = {4: SENT.times(times), 6: NONE}
    return expected(ERA, traffic, traffic)


def policy_series(service: Service) -> Metrics:
    """The policy series of a scrape."""
    page = service.scrape()
    return {name: page.get(name, {}) for name in POLICY_METRICS}


def scan_succeeds(service: Service) -> bool:
    """What the page says of the last scan."""
    return service.scrape()["otel_calico_scan_success"] == {frozenset(): 1}
