"""The Kubernetes API server is gone, refuses a watch, forgot the revision: what was known stays served."""

from __future__ import annotations

from collections.abc import Callable

from endurance.faults.fault import Fault, Witness
from endurance.faults.stage import ERA, Stage
from tests.end_to_end.cluster import NODE_NAME, WEB
from tests.end_to_end.live_node import by_kind
from tests.felix import render
from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.objects import Object
from tests.kubernetes.test_serve import api_objects, node
from tests.node.service import Metrics, Service

_BACK = 40.0  # seconds
_REFUSED: list[dict[str, list[str]]] = []  # no rule grants anything


def gone(stage: Stage, witness: Witness) -> None:
    """Its port is closed and every connection cut; meanwhile it forgets its history."""

    def act(api: ApiServer, service: Service, before: Metrics) -> None:
        api.stop()
        witness.await_("noticed", lambda: 0 in by_kind(service, "connected").values(), 10)
        witness.expect("all series served", _series(service) == before)
        witness.expect("/readyz says ready", service.get("/readyz").status == 200)
        api.store.compact()
        api.start()
        witness.await_("all kinds are watched again", lambda: set(by_kind(service, "connected").values()) == {1}, _BACK)
        api.store.delete(_web(api_objects(ERA)))
        witness.await_("a change is seen", lambda: _pods(service) == {"client-0"}, _BACK)

    _with_service(stage, act)


def watch_refused(stage: Stage, witness: Witness) -> None:
    """RBAC grants it nothing any more."""

    def act(api: ApiServer, service: Service, before: Metrics) -> None:
        api.behaviour.rules = _REFUSED
        api.end_streams("pods", whole=True)
        witness.await_("counted as errors", lambda: by_kind(service, "errors_total")["pods"] > 0, 20)
        witness.expect("all series served", _series(service) == before)
        api.behaviour.rules = None
        api.store.delete(_web(api_objects(ERA)))
        witness.await_("a change is seen once allowed", lambda: _pods(service) == {"client-0"}, _BACK)

    _with_service(stage, act)


FAULTS = (
    Fault("API server gone, history compacted", "what was known stays served; a new list when it is back", gone),
    Fault("API server refuses by RBAC", "counted; what was known stays served; followed once allowed", watch_refused),
)


def _with_service(stage: Stage, act: Callable[[ApiServer, Service, Metrics], None]) -> None:
    with ApiServer() as api:
        api.store.put(*api_objects(ERA))
        ruleset = render(node(ERA, kubernetes=True))
        file = stage.node.etcd.directory / "rules"
        file.write_text(ruleset.dump({one: (place, 60 * place) for place, one in enumerate(ruleset.hashes, 1)}))
        env = {"NODENAME": NODE_NAME, "K8S_API_ENDPOINT": api.url, "OTEL_CALICO_METRICS_FRESHNESS": "0"}
        with Service(env, "--ruleset", str(file)) as service:
            service.start()
            act(api, service, _series(service))


def _series(service: Service) -> Metrics:
    page = service.scrape()
    return {name: page[name] for name in ("no_policy_drop_counter", "policy_accept_counter")}


def _pods(service: Service) -> set[str]:
    return {dict(labels)["pod"] for labels in _series(service)["no_policy_drop_counter"]}


def _web(objects: list[Object]) -> Object:
    return next(one for one in objects if one["metadata"]["name"] == WEB.pod)
